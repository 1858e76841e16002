import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { RE2JS } from 're2js';
import { z } from 'zod';
import { ipPreference, ipSettings, type IpPreference } from '../net/ip-settings.ts';
import { defaultTls, tlsSettings } from '../net/tls-settings.ts';
import type { TlsClient } from '../net/tls.ts';
import { fileContent, regexp, size, type ConfigFiles } from '../settings.ts';
import { authorizationOf, authSettings, checkAuth, type Authorization } from './auth.ts';

export interface HeaderRule {
  /** Lower case. */
  readonly header: string;
  readonly regexp: RE2JS;
  readonly allowMissing: boolean;
}

export interface HttpSettings {
  readonly method: string;
  /** Names as configured, with their values; `Host` and `User-Agent` may be among them. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string | undefined;
  readonly authorization: Authorization | undefined;
  readonly followRedirects: boolean;
  /** Empty: 2xx. */
  readonly statusCodes: readonly number[];
  /** Such as `HTTP/1.1`; empty: any. */
  readonly versions: readonly string[];
  readonly failIfSsl: boolean;
  readonly failIfNotSsl: boolean;
  readonly bodyMatches: readonly RE2JS[];
  readonly bodyNotMatches: readonly RE2JS[];
  readonly headerMatches: readonly HeaderRule[];
  readonly headerNotMatches: readonly HeaderRule[];
  /** 0: no limit. */
  readonly bodySizeLimit: number;
  readonly ip: IpPreference;
  readonly tls: TlsClient;
}

const headerRule = z
  .strictObject({ header: z.string().min(1), regexp, allow_missing: z.boolean().default(false) })
  .transform((given): HeaderRule => ({
    header: given.header.toLowerCase(),
    regexp: given.regexp,
    allowMissing: given.allow_missing,
  }));

const headers = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
  .transform((given, context) => {
    const entries = Object.entries(given).map(([name, value]): [string, string] => [name, String(value)]);
    for (const [name, value] of entries) {
      const problem = headerProblem(name, value);
      if (problem !== undefined) context.addIssue({ code: 'custom', path: [name], message: problem });
    }
    return entries;
  });

/** Headers that the prober writes itself, from other settings. */
const OWN_HEADERS: Readonly<Record<string, string>> = {
  'content-length': 'it follows from body',
  'transfer-encoding': 'the body is sent whole',
  connection: 'each run makes its own connection',
};

function headerProblem(name: string, value: string): string | undefined {
  const own = OWN_HEADERS[name.toLowerCase()];
  if (own !== undefined) return `the header ${name} cannot be set: ${own}`;
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return undefined;
  } catch {
    // the value may be a secret
    return `"${name}" or its value has characters that a header cannot have`;
  }
}

const method = z
  .string()
  .regex(/^[A-Za-z]+$/, { error: 'expected an HTTP method such as GET, HEAD or POST' })
  .transform((text) => text.toUpperCase())
  .refine((text) => text !== 'CONNECT', { error: 'CONNECT opens tunnels; a probe cannot use it' });

/** The keys of blackbox_exporter's `http` module that Tocsin's `http` prober knows. */
export function httpSettings(files: ConfigFiles): z.ZodType<HttpSettings> {
  return z
    .strictObject({
      valid_status_codes: z.array(z.int().min(100).max(599)).default([]),
      valid_http_versions: z.array(z.enum(['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'HTTP/3.0'])).default([]),
      method: method.default('GET'),
      headers: headers.default([]),
      body: z.string().optional(),
      body_file: fileContent(files).optional(),
      body_size_limit: size.default(0),
      follow_redirects: z.boolean().default(true),
      fail_if_ssl: z.boolean().default(false),
      fail_if_not_ssl: z.boolean().default(false),
      fail_if_body_matches_regexp: z.array(regexp).default([]),
      fail_if_body_not_matches_regexp: z.array(regexp).default([]),
      fail_if_header_matches: z.array(headerRule).default([]),
      fail_if_header_not_matches: z.array(headerRule).default([]),
      tls_config: tlsSettings(files).optional(),
      ...ipSettings,
      ...authSettings(files),
    })
    .refine((given) => given.body === undefined || given.body_file === undefined, {
      error: 'body and body_file are both given; expected one',
      path: ['body_file'],
    })
    .refine((given) => !(given.fail_if_ssl && given.fail_if_not_ssl), {
      error: 'fail_if_ssl and fail_if_not_ssl together fail every run; expected one',
      path: ['fail_if_not_ssl'],
    })
    .superRefine(checkAuth)
    .transform((given) => ({
      method: given.method,
      headers: given.headers,
      body: given.body ?? given.body_file,
      authorization: authorizationOf(given),
      followRedirects: given.follow_redirects,
      statusCodes: given.valid_status_codes,
      versions: given.valid_http_versions,
      failIfSsl: given.fail_if_ssl,
      failIfNotSsl: given.fail_if_not_ssl,
      bodyMatches: given.fail_if_body_matches_regexp,
      bodyNotMatches: given.fail_if_body_not_matches_regexp,
      headerMatches: given.fail_if_header_matches,
      headerNotMatches: given.fail_if_header_not_matches,
      bodySizeLimit: given.body_size_limit,
      ip: ipPreference(given),
      tls: given.tls_config ?? defaultTls(),
    }));
}
