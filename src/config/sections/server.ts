import { z } from 'zod';
import { isLoopback } from '../../domain/network.ts';
import { formatDuration } from '../../domain/quantity.ts';
import type { Secret } from '../../domain/secret.ts';
import type { ConfigContext } from '../schema/context.ts';
import { exactlyOneOf, key, mapping, readMapping } from '../schema/mapping.ts';
import type { Values } from '../schema/mapping.ts';
import type { ConfigReader } from '../reading/reader.ts';
import {
  count,
  listenAddress,
  name,
  networks,
  positiveSize,
  text,
  timer,
  token,
  tokenFile,
} from '../schema/values.ts';
import { allDefined, oneOf, requireUniqueSecret, uniqueName } from './rules.ts';
import type { SecretUses } from './rules.ts';

const SCOPES = ['read', 'metrics', 'ack', 'heartbeat', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

const nodeName = text.regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, {
  error: 'expected a name of letters, digits, ".", "-" and "_"',
});

const limitKeys = {
  max_body: key(
    'maxBodyBytes',
    positiveSize.prefault('64MiB'),
    'the largest request body; larger ones are answered with 413',
  ),
  max_connections: key(
    'maxConnections',
    count.prefault(1024),
    'connections at the same time; a new one beyond it replaces an idle one, or is closed at once ([how](scraping.md#connections))',
  ),
  max_connections_per_address: key(
    'maxConnectionsPerAddress',
    count.prefault(64),
    'the same for each client address (IPv6: for each /64); more are closed at once. `metrics.trusted` and `server.trusted_proxies` are not counted',
  ),
  max_reads: key(
    'maxReads',
    count.prefault(64),
    'reads (the API, `/cluster_health` and the like, `/config`) that are answered at the same time; more are answered with 503. A quarter of them is reserved for requests with one of `server.tokens`, where tokens are configured',
  ),
  max_reads_per_address: key(
    'maxReadsPerAddress',
    count.prefault(16),
    'the same for each client address (IPv6: for each /64); more are answered with 429',
  ),
  max_header_size: key(
    'maxHeaderBytes',
    positiveSize.prefault('16KiB'),
    'all headers of a request together; more is answered with 431',
    { restart: true },
  ),
  header_timeout: key(
    'headerTimeoutMs',
    timer.prefault('10s'),
    'the time limit for the headers of a request, else 408; at most `request_timeout`',
    { restart: true },
  ),
  request_timeout: key(
    'requestTimeoutMs',
    timer.prefault('60s'),
    'the time limit for a whole request to arrive, and for a client to read a whole response',
    { restart: true },
  ),
  keep_alive: key(
    'keepAliveMs',
    timer.prefault('310s'),
    'how long an idle connection stays open; Prometheus keeps its own for 5 minutes',
    { restart: true },
  ),
};

const serverKeys = ({ hostname }: Pick<ConfigContext, 'hostname'>) => ({
  node: key(
    'node',
    nodeName.default(hostname),
    "this Tocsin's name in events (`source: /tocsin/<node>`) and answers: letters, digits, `.`, `-`, `_`",
    { whenAbsent: 'the host name', restart: true },
  ),
  listen: key(
    'listen',
    listenAddress.prefault('127.0.0.1:10464'),
    'the one address it listens on; IPv6 in brackets: `[::1]:10464`. Port 0 picks a free one. `--listen` takes precedence',
    { restart: true },
  ),
  lifecycle: key(
    'lifecycle',
    z.boolean().prefault(false),
    'whether `POST /-/reload` reloads; otherwise it answers 403',
  ),
  ...limitKeys,
  trusted_proxies: key(
    'trustedProxies',
    networks.prefault([]),
    "proxies whose `X-Forwarded-For` is used as the client's address",
  ),
});

const tokenKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  name: key('name', name, 'shown in logs and in events'),
  token: key('token', token.optional(), 'the bearer token: printable ASCII without spaces'),
  token_file: key(
    'tokenFile',
    tokenFile(files).optional(),
    'the file that holds it; one of the two is required',
  ),
  scopes: key(
    'scopes',
    z.array(z.enum(SCOPES)).min(1),
    'any of `read` (the API), `metrics` (`/metrics`, `/probe`), `ack` (acknowledging alerts), `heartbeat`, `admin` (reloading)',
  ),
});

/** The keys of `server`, its tokens included. */
export const serverSection = (context: ConfigContext) => ({
  ...serverKeys(context),
  tokens: key(
    'tokens',
    z.array(mapping(tokenKeys(context)).meta(exactlyOneOf('token', 'token_file'))).prefault([]),
    'tokens and their scopes; see below',
  ),
});

export interface TokenConfig {
  readonly name: string;
  readonly token: Secret;
  readonly scopes: readonly Scope[];
}

export interface ServerConfig extends Values<ReturnType<typeof serverKeys>> {
  /** Empty: reads are open, mutations come from loopback only. */
  readonly tokens: readonly TokenConfig[];
}

/**
 * Reads `server`, and checks access rules against the address it listens on.
 * @param override instead of `server.listen`
 */
export function readServer(
  reader: ConfigReader,
  context: ConfigContext,
  override: ServerConfig['listen'] | undefined,
): ServerConfig | undefined {
  const { whole, partial } = readMapping(reader, serverKeys(context), ['server'], { other: ['tokens'] });
  const tokens = readTokens(reader, context);
  const listen = override ?? partial.listen;
  checkAccess(reader, { listen, lifecycle: partial.lifecycle, tokens });
  const { headerTimeoutMs: header, requestTimeoutMs: request } = partial;
  if (header !== undefined && request !== undefined && header > request) {
    const path = ['server', reader.has(['server', 'header_timeout']) ? 'header_timeout' : 'request_timeout'];
    const times = `header_timeout (${formatDuration(header)}) is longer than request_timeout (${formatDuration(request)})`;
    reader.report(path, `${times}, which includes it; expected at most that`);
  }
  if (whole === undefined || tokens === undefined || listen === undefined) return undefined;
  return { ...whole, listen, tokens };
}

/** Undefined when one of them is invalid. */
function readTokens(reader: ConfigReader, context: ConfigContext): readonly TokenConfig[] | undefined {
  const keys = tokenKeys(context);
  const names = new Set<string>();
  const uses: SecretUses = new Map();
  const tokens = reader.items(['server', 'tokens']).map((path): TokenConfig | undefined => {
    const { whole, partial } = readMapping(reader, keys, path);
    uniqueName(reader, path, partial.name, names);
    const given = oneOf(reader, path, ['token', 'token_file']);
    const secret = partial.token ?? partial.tokenFile;
    if (given === undefined || secret === undefined) return undefined;
    const use = `token ${partial.name ?? ''}`;
    requireUniqueSecret({ reader, uses, use }, secret, [...path, given]);
    return whole && { name: whole.name, token: secret, scopes: [...new Set(whole.scopes)] };
  });
  return allDefined(tokens);
}
interface AccessRules {
  readonly listen: ServerConfig['listen'] | undefined;
  readonly lifecycle: boolean | undefined;
  readonly tokens: readonly TokenConfig[] | undefined;
}

/**
 * Off loopback anyone can connect: each webhook then needs a token. And where reloading over HTTP is turned on, there
 * must be a token that allows it.
 */
function checkAccess(reader: ConfigReader, { listen, lifecycle, tokens }: AccessRules): void {
  const open = listen === undefined || isLoopback(listen.host) ? undefined : addressOf(listen);
  if (open !== undefined) {
    for (const path of reader.items(['webhooks'])) {
      if (['tokens', 'token_files', 'hmac'].some((key) => reader.has([...path, key]))) continue;
      reader.report(
        path,
        `Tocsin listens on ${open}, off loopback, so a webhook needs tokens or token_files`,
      );
    }
  }
  if (lifecycle !== true || tokens?.some((token) => token.scopes.includes('admin')) !== false) return;
  if (tokens.length === 0 && open === undefined) return;
  const why = open === undefined ? 'tokens are configured' : `Tocsin listens on ${open}, off loopback`;
  reader.report(
    ['server', 'lifecycle'],
    `${why}, so POST /-/reload needs a token with the scope admin; add one, or set false`,
  );
}

function addressOf({ host, port }: ServerConfig['listen']): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
