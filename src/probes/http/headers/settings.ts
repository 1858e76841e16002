import { z } from 'zod';
import { Secret } from '../../../domain/secret.ts';
import { CANNOT_WORK, secret, secretFile, type ConfigFiles } from '../../../settings/values.ts';
import { headerBytes, isHeader } from './text.ts';

/** Headers about how the body is sent: they are derived from it, and have no effect here, as in blackbox_exporter. */
const BODY_HEADERS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'trailer']);

/** Headers that have their own keys or belong under `headers`; Prometheus's list for `http_headers`. */
const RESERVED_HEADERS: ReadonlySet<string> = new Set([
  ...['authorization', 'host', 'content-encoding', 'content-length', 'content-type', 'user-agent'],
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'www-authenticate'],
  ...['accept-encoding', 'transfer-encoding', 'x-prometheus-scrape-timeout-seconds'],
  ...['x-prometheus-remote-write-version', 'x-prometheus-remote-read-version'],
  ...['x-amz-date', 'x-amz-security-token', 'x-amz-content-sha256'],
]);

/**
 * `headers`: names and the values sent; of two spellings of one name the last is used; in blackbox_exporter's file a
 * number is the text as written.
 */
export function headers({ dialect }: ConfigFiles) {
  const about = { description: 'the value of the header' };
  const value =
    dialect === 'blackbox'
      ? z.string().meta(about)
      : z.union([z.string(), z.number(), z.boolean()]).meta(about);
  return z.record(z.string(), value).transform((given, context) => {
    const entries = Object.entries(given).map(([name, value]): [string, string] => [name, String(value)]);
    for (const [name, value] of entries) {
      if (!isHeader(name, value))
        context.addIssue({ code: 'custom', path: [name], message: badHeader(name), params: CANNOT_WORK });
    }
    const last = new Map(entries.map(([name, value]) => [name.toLowerCase(), [name, value] as const]));
    return [...last]
      .filter(([key]) => !BODY_HEADERS.has(key))
      .map(([, [name, value]]): [string, string] => [name, headerBytes(name, value)]);
  });
}

/** The value is not shown: it may be a secret. */
function badHeader(name: string): string {
  return `"${name}" or its value has characters that are not allowed in a header`;
}

/** One header of `http_headers`: sent once for each value. */
export interface PrivateHeader {
  readonly name: string;
  readonly value: string | Secret;
}

/** `http_headers` of Prometheus's client block: names to plain values, secrets, and files that hold secrets. */
export function privateHeaders(files: ConfigFiles) {
  return headersWithSecrets(files, RESERVED_HEADERS)
    .default([])
    .meta({ description: 'further headers: names to values, some of which may be secrets' });
}

/** The same for a client without reserved names. */
export function anyPrivateHeaders(files: ConfigFiles) {
  return headersWithSecrets(files, new Set());
}

function headersWithSecrets(files: ConfigFiles, reserved: ReadonlySet<string>) {
  return z
    .record(
      z.string(),
      z
        .strictObject({
          values: z.array(z.string()).default([]).meta({ description: 'values that may be shown' }),
          secrets: z.array(secret).default([]).meta({ description: 'values that are never shown' }),
          files: z
            .array(secretFile(files))
            .default([])
            .meta({ description: 'files of one value each, which is never shown' }),
        })
        .meta({ description: 'the header is sent once for each value' }),
    )
    .transform((given, context) =>
      Object.entries(given).flatMap(([name, { values, secrets, files: read }]): readonly PrivateHeader[] => {
        const refuse = (message: string, params = {}): void =>
          context.addIssue({ code: 'custom', path: [name], message, params });
        if (reserved.has(name.toLowerCase()))
          refuse(`the header ${name} cannot be set here; use its own key, or headers`);
        const all = [...values, ...secrets, ...read];
        if (all.length === 0 && files.lenient !== true) refuse('expected values, secrets or files');
        const bad = all.some((value) => !isHeader(name, typeof value === 'string' ? value : value.reveal()));
        if (bad) refuse(badHeader(name), CANNOT_WORK);
        return all.map((value) => ({
          name,
          value:
            typeof value === 'string'
              ? headerBytes(name, value)
              : new Secret(headerBytes(name, value.reveal())),
        }));
      }),
    );
}
