import { z } from 'zod';
import { Secret } from '../../domain/secret.ts';
import type { TlsOptions } from '../../domain/tls.ts';
import { authorizationOf, authSettings, checkAuth } from '../../probes/http/auth/auth.ts';
import { defaultTls, tlsConnection } from '../../probes/net/tls/settings.ts';
import { parseRedisAddress } from '../../probes/redis/target.ts';
import { secret, secretFile, type ConfigFiles } from '../../settings/values.ts';
import type { ConfigContext } from '../schema/context.ts';
import { exactlyOneOf, key, mapping, readMapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import type { ConfigReader } from '../reading/reader.ts';
import { count, name, text, timer } from '../schema/values.ts';
import { allDefined, uniqueName } from './rules.ts';

const redisKeys = (files: ConfigFiles) => ({
  url: key(
    'url',
    z.string().meta({ title: 'URL' }),
    '`redis://[[user]:password@]host[:port][/db]`, or `rediss://` for TLS',
  ),
  password: key('password', secret.optional(), 'when it is not in the URL'),
  password_file: key(
    'passwordFile',
    secretFile(files).optional(),
    'the file that holds it, instead of `password`',
  ),
  tls_config: key(
    'tls',
    tlsConnection(files).optional(),
    'the TLS settings, for `rediss://`; files are read when the configuration is loaded',
  ),
  stream: key('stream', text.prefault('tocsin:events'), 'the key of the stream'),
  max_length: key('maxLength', count.prefault(100_000), 'about how many entries the stream keeps'),
  timeout: key('timeoutMs', timer.prefault('10s'), 'how long a batch may take, connecting included'),
});

type RedisKeys = Values<ReturnType<typeof redisKeys>>;

export interface RedisSinkConfig extends Omit<RedisKeys, 'url' | 'passwordFile'> {
  readonly type: 'redis';
  readonly host: string;
  readonly port: number;
  readonly db: number;
  readonly username?: string;
}

function redisSink(files: ConfigFiles) {
  return mapping(redisKeys(files))
    .refine((given) => given.password === undefined || given.passwordFile === undefined, {
      error: 'password and password_file are both given; expected one',
      path: ['password_file'],
    })
    .transform(({ url, password, passwordFile, tls, ...rest }, context): RedisSinkConfig => {
      const address = parseRedisAddress(url);
      if ('problem' in address) {
        context.addIssue({ code: 'custom', path: ['url'], message: address.problem });
        return z.NEVER;
      }
      if (!address.tls && tls !== undefined) {
        context.addIssue({ code: 'custom', path: ['tls_config'], message: withoutTls('rediss://') });
        return z.NEVER;
      }
      const { host, port, username } = address;
      const inUrl = address.password === undefined ? undefined : new Secret(address.password);
      const secretGiven = inUrl ?? password ?? passwordFile;
      return {
        ...rest,
        type: 'redis',
        host,
        port,
        ...(address.tls && { tls: tls ?? defaultTls().connectOptions }),
        db: address.db ?? 0,
        ...(username !== undefined && { username }),
        ...(secretGiven !== undefined && { password: secretGiven }),
      };
    });
}

/** Would go unnoticed otherwise: the connection is believed to be encrypted and is not. */
export const withoutTls = (expected: string) =>
  `the URL does not ask for TLS; expected one that begins with ${expected}, or no tls_config`;

const webUrl = z
  .string()
  .refine(isWebUrl, {
    error:
      'expected an http:// or https:// URL without credentials in it; give them as authorization or basic_auth',
  })
  .meta({ title: 'URL' });

function isWebUrl(given: string): boolean {
  if (!URL.canParse(given)) return false;
  const { protocol, username, password } = new URL(given);
  return ['http:', 'https:'].includes(protocol) && username === '' && password === '';
}

/** Whether a URL asks for TLS. */
export function asksForTls(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'https:';
}

const httpKeys = (files: ConfigFiles) => {
  const { basic_auth, authorization } = authSettings(files);
  return {
    url: key('url', webUrl, '`http://` or `https://`, without credentials'),
    mode: key('mode', z.enum(['structured']).prefault('structured'), "CloudEvents' content mode"),
    authorization: key(
      'authorization',
      authorization,
      'the `Authorization` header; at most one of it and `basic_auth`',
    ),
    basic_auth: key('basic_auth', basic_auth, 'user and password'),
    tls_config: key(
      'tls',
      tlsConnection(files).optional(),
      'the TLS settings, for `https://`; files are read when the configuration is loaded',
    ),
    timeout: key('timeoutMs', timer.prefault('10s'), 'how long an event may take, connecting included'),
  };
};

type HttpKeys = Values<ReturnType<typeof httpKeys>>;

export interface HttpSinkConfig extends Omit<HttpKeys, 'authorization' | 'basic_auth' | 'mode'> {
  readonly type: 'http';
  /** The `Authorization` header. */
  readonly authorization?: Secret;
  /** Undefined: Node's own. */
  readonly tls?: TlsOptions;
}

function httpSink(files: ConfigFiles) {
  return mapping(httpKeys(files))
    .superRefine(checkAuth)
    .refine((given) => given.tls === undefined || asksForTls(given.url), {
      error: withoutTls('https://'),
      path: ['tls_config'],
    })
    .transform(({ authorization, basic_auth, mode: _, ...rest }): HttpSinkConfig => {
      const header = authorizationOf({ authorization, basic_auth });
      return { ...rest, type: 'http', ...(header !== undefined && { authorization: header }) };
    });
}

const logSink = z.strictObject({}).transform(() => ({ type: 'log' as const }));

/** The keys of an entry of `sinks`. */
export const sinkKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  name: key('name', name, 'unique; the label `sink`, and the key of its position in the ledger'),
  redis: key('redis', redisSink(files).optional(), 'appends events to a Redis stream'),
  http: key('http', httpSink(files).optional(), 'posts each event as a CloudEvent'),
  log: key('log', logSink.optional(), "`{}`: writes each event to Tocsin's log"),
});
const KINDS = ['redis', 'http', 'log'] as const;
export const exactlyOneSink = exactlyOneOf(...KINDS);

/** Where events are copied to. */
export interface SinkConfig {
  readonly name: string;
  readonly to: RedisSinkConfig | HttpSinkConfig | { readonly type: 'log' };
}

/** Reads `sinks`; undefined when one of them is invalid. */
export function readSinks(reader: ConfigReader, context: ConfigContext): readonly SinkConfig[] | undefined {
  const keys = sinkKeys(context);
  const names = new Set<string>();
  const sinks = reader.items(['sinks']).map((path): SinkConfig | undefined => {
    const { whole, partial } = readMapping(reader, keys, path);
    uniqueName(reader, path, partial.name, names);
    const given = KINDS.filter((kind) => reader.has([...path, kind]));
    if (given.length !== 1) {
      const what = given.length === 0 ? 'no destination for events' : given.join(' and ');
      reader.report(path, `${what}; expected exactly one of ${KINDS.join(', ')}`);
      return undefined;
    }
    const to = whole?.redis ?? whole?.http ?? whole?.log;
    return whole === undefined || to === undefined ? undefined : { name: whole.name, to };
  });
  return allDefined(sinks);
}
