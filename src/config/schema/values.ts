import { isIP } from 'node:net';
import { z } from 'zod';
import { isAllowEntry } from '../../domain/allow-list.ts';
import { isNetwork, NetworkSet } from '../../domain/network.ts';
import { formatDuration } from '../../domain/quantity.ts';
import type { Secret } from '../../domain/secret.ts';
import { duration, positiveDuration, secret, secretFile, size } from '../../settings/values.ts';
import type { ConfigFiles } from '../../settings/values.ts';

/** Node's timers count milliseconds in 31 bits. */
const LONGEST_TIMER_MS = 24 * 86_400_000;
const LONGEST_RETENTION_MS = 100 * 365 * 86_400_000;

function between(minMs: number, maxMs: number) {
  return duration.refine((value) => value >= minMs && value <= maxMs, {
    error: `expected a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`,
  });
}

/** A number of things: at least one. */
export const count = z.int().min(1);

/** A size in bytes, more than 0. */
export const positiveSize = size.refine((bytes) => bytes > 0, { error: 'expected a size of more than 0' });

/** A path; absolute once it is read. */
export function pathIn(files: ConfigFiles) {
  return z
    .string()
    .min(1)
    .transform((given) => files.resolve(given))
    .meta({ title: 'path' });
}

/** A duration that a timer can wait for, in milliseconds. */
export const timer = positiveDuration.refine((value) => value <= LONGEST_TIMER_MS, {
  error: `expected a duration of at most ${formatDuration(LONGEST_TIMER_MS)}`,
});

/** How often something is probed, in milliseconds. */
export const interval = between(100, LONGEST_TIMER_MS);

/** The accepted difference of two times, in milliseconds; may be 0. */
export const tolerance = between(0, LONGEST_TIMER_MS);

/** How long something is kept, in milliseconds. */
export const retention = between(60_000, LONGEST_RETENTION_MS);

/** Text for people or for a label value: not empty, on one line. */
export const text = z
  .string()
  .min(1)
  .refine((value) => !/\p{Cc}/u.test(value), {
    error: 'expected text on one line, without control characters',
  });

/** The name of something in the configuration. */
export const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]*$/, {
    error: (issue) =>
      `"${String(issue.input)}" is not a name; expected lower-case letters, digits, - and _, beginning with a letter or digit`,
  })
  .meta({ title: 'name' });

function isHttpUrl(given: string): boolean {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '';
}

/** How such a URL begins, for the JSON Schema. */
const HTTP_URL = String.raw`^\s*[Hh][Tt][Tt][Pp][Ss]?:`;

/** The address of a server, without credentials, which have their own keys. */
export const httpUrl = z
  .string()
  .refine(isHttpUrl, {
    error: (issue) =>
      `"${String(issue.input)}" is not a URL; expected http:// or https://, such as http://alertmanager:9093`,
  })
  .refine((given) => !isHttpUrl(given) || new URL(given).username === '', {
    error: 'the URL contains credentials; give them as basic_auth',
  })
  .meta({ title: 'URL', pattern: HTTP_URL });

/** A URL that is a secret itself. */
export function secretUrl(read: z.ZodType<Secret>) {
  return read.refine((given) => isHttpUrl(given.reveal()), {
    error: 'expected a URL that begins with http:// or https://',
  });
}

/** A list of networks as a set. */
export const networks = z
  .array(
    z
      .string()
      .refine(isNetwork, {
        error: (issue) =>
          `"${String(issue.input)}" is not a network; expected one such as 10.0.0.0/8, or an address`,
      })
      .meta({ title: 'network', pattern: String.raw`^[0-9A-Fa-f.:]+(?:%\w+)?(?:/\d{1,3})?$` }),
  )
  .transform((cidrs) => new NetworkSet(cidrs));

/** The address of a name server, with a port if it is not 53. */
export const nameServer = z
  .string()
  .refine(isNameServer, {
    error: (issue) =>
      `"${String(issue.input)}" is not a name server; expected an IP address, such as 192.0.2.53 or [2001:db8::53]:5353`,
  })
  .meta({ title: 'name server' });

function isNameServer(text: string): boolean {
  const [, bracketed, plain = '', port = '53'] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const address = bracketed ?? (plain === '' ? text : plain);
  return isIP(address) !== 0 && Number(port) >= 1 && Number(port) <= 65_535;
}

const ADDRESS = /^(?:\[([0-9a-fA-F:.]+(?:%\w+)?)\]|([^\s:[\]/]+)):(\d{1,5})$/;

/** `HOST:PORT`, IPv6 in brackets. */
export const listenAddress = z
  .string({ error: 'expected HOST:PORT, such as 127.0.0.1:10464' })
  .transform((given, context) => {
    const [, v6, host, port] = ADDRESS.exec(given) ?? [];
    const chosen = v6 ?? host;
    if (chosen !== undefined && Number(port) <= 65_535) return { host: chosen, port: Number(port) };
    const every = /^:\d+$/.test(given) ? `; for every address write 0.0.0.0${given} or [::]${given}` : '';
    context.addIssue({
      code: 'custom',
      message: `"${given}" is not HOST:PORT; expected such as 127.0.0.1:10464${every}`,
    });
    return z.NEVER;
  })
  .meta({ title: 'HOST:PORT', pattern: ADDRESS.source });

/** A token travels in a header: one with an unusual character or a second line could never match. */
function sendable(token: Secret): boolean {
  return /^[\x21-\x7e]+$/.test(token.reveal());
}
const SENDABLE = { error: 'expected a token of printable ASCII characters, without spaces, on one line' };

/** A bearer token in the configuration itself. */
export const token = secret.refine(sendable, SENDABLE);

/** A bearer token in a file. */
export function tokenFile(files: ConfigFiles) {
  return secretFile(files).refine(sendable, SENDABLE);
}

const GO_UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const GO_PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * A duration as Go writes it (`1.5s`, `1m30s`, `-2s`, `0`), in milliseconds: the syntax of blackbox_exporter's file.
 * @see https://pkg.go.dev/time#ParseDuration
 */
export const goDuration = z.unknown().transform((given, context) => {
  // not z.string(): to go-yaml the text of a number is not a duration, not even 0
  const text = typeof given === 'string' ? given : '';
  const [, sign = '', parts = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (parts === '0') return 0;
  if (parts !== '' && parts.replace(GO_PART, '') === '') {
    const sum = [...parts.matchAll(GO_PART)].reduce(
      (total, [, number = '', unit = '']) => total + Number(number) * (GO_UNIT_MS[unit] ?? 0),
      0,
    );
    return sign === '-' ? -sum : Math.min(sum, LONGEST_TIMER_MS);
  }
  context.addIssue({
    code: 'custom',
    message: `${JSON.stringify(given)} is not a duration; expected one such as 500ms, 5s or 1m30s`,
  });
  return z.NEVER;
});

/** An entry of `probe_endpoint.allow`. */
export const allowEntry = z
  .string()
  .refine(isAllowEntry, {
    error: (issue) =>
      `"${String(issue.input)}" is not a network, host or glob; expected one such as 10.0.0.0/8, *.example.com:443 or [fd00::/8]:80`,
  })
  .meta({ title: 'network, host or glob' });
