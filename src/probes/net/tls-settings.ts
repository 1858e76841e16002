import { z } from 'zod';
import type { SecureVersion } from 'node:tls';
import type { TlsOptions } from '../../domain/tls.ts';
import type { ConfigFiles } from '../settings.ts';
import { CANNOT_WORK, fileContent, unlessEmpty } from '../settings.ts';
import { TlsClient } from './tls.ts';

const VERSIONS = { TLS10: 'TLSv1', TLS11: 'TLSv1.1', TLS12: 'TLSv1.2', TLS13: 'TLSv1.3' } as const;
/** Node.js takes a file without any, and then trusts nobody. */
const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/;

const version = z
  .enum(['TLS10', 'TLS11', 'TLS12', 'TLS13'])
  .transform((name): SecureVersion => VERSIONS[name]);

/** The keys of `tls_config` that every client of Tocsin has. */
const connectionKeys = (files: ConfigFiles) => ({
  ca_file: unlessEmpty(fileContent(files)),
  cert_file: unlessEmpty(fileContent(files)),
  key_file: unlessEmpty(fileContent(files)),
  server_name: unlessEmpty(z.string()),
  insecure_skip_verify: z.boolean().default(false),
});

/**
 * blackbox_exporter's `tls_config`, ready to make handshakes. Certificates and keys are read and tried
 * when the configuration is loaded, so that a bad file is a configuration error, not a failing probe.
 */
export function tlsSettings(files: ConfigFiles) {
  return z
    .strictObject({
      ...connectionKeys(files),
      ca: unlessEmpty(z.string()),
      cert: unlessEmpty(z.string()),
      key: unlessEmpty(z.string()),
      min_version: version.optional(),
      max_version: version.optional(),
    })
    .superRefine(checkInline)
    .transform(({ ca, cert, key, ...given }) => ({
      ...given,
      ca_file: given.ca_file ?? ca,
      cert_file: given.cert_file ?? cert,
      key_file: given.key_file ?? key,
    }))
    .transform(clientOf);
}

/** `tls_config` of a client that is no prober: fewer keys, for drivers that make their handshakes themselves. */
export function tlsConnection(files: ConfigFiles) {
  return z
    .strictObject(connectionKeys(files))
    .transform(clientOf)
    .transform((client): TlsOptions => client.connectOptions);
}

interface TlsGiven {
  readonly ca_file?: string | undefined;
  readonly cert_file?: string | undefined;
  readonly key_file?: string | undefined;
  readonly server_name?: string | undefined;
  readonly insecure_skip_verify: boolean;
  readonly min_version?: SecureVersion | undefined;
  readonly max_version?: SecureVersion | undefined;
}

function clientOf(given: TlsGiven, context: z.core.$RefinementCtx): TlsClient {
  const { ca_file: ca, cert_file: cert, key_file: key, min_version: min, max_version: max } = given;
  const wrong = (message: string, path: string[] = [], params: object = CANNOT_WORK) => {
    context.addIssue({ code: 'custom', message, path, params: { ...params } });
    return z.NEVER;
  };
  if ((cert === undefined) !== (key === undefined))
    return wrong('cert_file and key_file belong together; give both or none', [], {});
  if (ca !== undefined && !CERTIFICATE.test(ca))
    return wrong('the file holds no certificate; expected one or more in PEM', ['ca_file']);
  const client = new TlsClient({
    serverName: given.server_name,
    insecureSkipVerify: given.insecure_skip_verify,
    context: {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(min !== undefined && { minVersion: min }),
      // OpenSSL 3 speaks TLS 1.0 and 1.1 only at this level
      ...((min === 'TLSv1' || min === 'TLSv1.1') && { ciphers: 'DEFAULT@SECLEVEL=0' }),
      ...(max !== undefined && { maxVersion: max }),
    },
  });
  try {
    client.prepare();
    return client;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return wrong(`TLS cannot use these settings: ${why}; expected PEM files that fit together`);
  }
}

type Inline = Partial<
  Record<'ca' | 'cert' | 'key' | 'ca_file' | 'cert_file' | 'key_file', string | undefined>
>;

/** What stands in the configuration itself does not stand in a file, too. */
function checkInline(given: Inline, context: z.core.$RefinementCtx): void {
  for (const key of ['ca', 'cert', 'key'] as const) {
    if (given[key] === undefined || given[`${key}_file`] === undefined) continue;
    const message = `${key} and ${key}_file are both given; expected one`;
    context.addIssue({ code: 'custom', path: [`${key}_file`], message });
  }
}

/** What holds without a `tls_config`: the trust store of Node.js, TLS 1.2 and later. */
export function defaultTls(): TlsClient {
  return new TlsClient({ insecureSkipVerify: false, context: {} });
}
