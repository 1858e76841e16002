import { z } from 'zod';
import { Secret } from '../domain/secret.ts';
import { authorizationOf, authSettings, checkAuth } from '../probes/http/auth.ts';
import { defaultTls, tlsConnection } from '../probes/net/tls-settings.ts';
import { parseRedisAddress } from '../probes/redis/target.ts';
import { secret, secretFile, type ConfigFiles } from '../probes/settings.ts';
import type { HttpSinkConfig, RedisSinkConfig } from './types.ts';
import { name, text, timer } from './values.ts';

/** The schema of an entry of `sinks`. */
export function sinkSchema(files: ConfigFiles) {
  return {
    name,
    redis: redis(files).optional(),
    http: http(files).optional(),
    log: z.strictObject({}).optional(),
  };
}

function redis(files: ConfigFiles) {
  return z
    .strictObject({
      url: z.string(),
      password: secret.optional(),
      password_file: secretFile(files).optional(),
      tls_config: tlsConnection(files).optional(),
      stream: text.prefault('tocsin:events'),
      max_length: z.int().min(1).prefault(100_000),
      timeout: timer.prefault('10s'),
    })
    .refine((given) => given.password === undefined || given.password_file === undefined, {
      error: 'password and password_file are both given; expected one',
      path: ['password_file'],
    })
    .transform((given, context): RedisSinkConfig => {
      const address = parseRedisAddress(given.url);
      if ('problem' in address) {
        context.addIssue({ code: 'custom', path: ['url'], message: address.problem });
        return z.NEVER;
      }
      if (!address.tls && given.tls_config !== undefined) {
        context.addIssue({ code: 'custom', path: ['tls_config'], message: withoutTls('rediss://') });
        return z.NEVER;
      }
      const { host, port, username } = address;
      const inUrl = address.password === undefined ? undefined : new Secret(address.password);
      const password = inUrl ?? given.password ?? given.password_file;
      return {
        type: 'redis',
        host,
        port,
        ...(address.tls && { tls: given.tls_config ?? defaultTls().connectOptions }),
        db: address.db ?? 0,
        ...(username !== undefined && { username }),
        ...(password !== undefined && { password }),
        stream: given.stream,
        maxLength: given.max_length,
        timeoutMs: given.timeout,
      };
    });
}

/** A mistake that would go unnoticed otherwise: what is thought to be encrypted is not. */
export const withoutTls = (expected: string) =>
  `the URL does not ask for TLS; expected one that begins with ${expected}, or no tls_config`;

const webUrl = z.string().refine(isWebUrl, {
  error:
    'expected an http:// or https:// URL without credentials in it; those belong into authorization or basic_auth',
});

function isWebUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password } = new URL(given);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

/** Whether a URL asks for TLS. */
export function asksForTls(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'https:';
}

function http(files: ConfigFiles) {
  const { basic_auth, authorization } = authSettings(files);
  return z
    .strictObject({
      url: webUrl,
      mode: z.enum(['structured']).prefault('structured'),
      basic_auth,
      authorization,
      tls_config: tlsConnection(files).optional(),
      timeout: timer.prefault('10s'),
    })
    .superRefine(checkAuth)
    .refine((given) => given.tls_config === undefined || asksForTls(given.url), {
      error: withoutTls('https://'),
      path: ['tls_config'],
    })
    .transform((given): HttpSinkConfig => {
      const header = authorizationOf(given);
      return {
        type: 'http',
        url: given.url,
        ...(header !== undefined && { authorization: header }),
        ...(given.tls_config !== undefined && { tls: given.tls_config }),
        timeoutMs: given.timeout,
      };
    });
}
