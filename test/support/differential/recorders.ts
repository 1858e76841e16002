import type { IncomingHttpHeaders, IncomingMessage, RequestListener } from 'node:http';
import type { CertificateMint } from '../probes/certificates.ts';
import { ServerSet } from '../servers/server-set.ts';
import { startProxy, type ProxyServer } from '../servers/proxy.ts';
import { startSocks, type SocksServer } from '../servers/socks.ts';
import { closedPort } from '../servers/tcp.ts';

/** The addresses of the servers of a comparison: `host:port` each, the TLS ones for `localhost`. */
export interface Places {
  readonly target: string;
  readonly secureTarget: string;
  readonly tokens: string;
  readonly secureTokens: string;
  readonly proxy: string;
  readonly secureProxy: string;
  readonly refusing: (status: number) => string;
  readonly socks: string;
  readonly socksWithPassword: string;
  readonly socksRefusing: string;
  readonly socksOdd: string;
  readonly silent: string;
  readonly closed: string;
}

/** Servers that record their requests. */
export interface Recorders {
  readonly at: Places;
  /** The requests since the last call, in order; values that change between runs are replaced by a word. */
  take(): string[];
  close(): Promise<void>;
}

const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1);

/** Starts a target, a token endpoint and proxies of each kind. */
export async function startRecorders(mint: CertificateMint): Promise<Recorders> {
  const servers = new ServerSet();
  const lines: string[] = [];
  const tls = mint.leaf();
  const target = recorded(lines, 'target', answerAsTarget);
  const tokens = recorded(lines, 'tokens', answerAsTokens);
  const proxies: ProxyServer[] = [];
  const proxy = async (options: Parameters<typeof startProxy>[0]) => {
    const started = servers.add(await startProxy(options));
    proxies.push(started);
    return started.address;
  };
  const refusing = new Map([
    [407, await proxy({ refuse: 407 })],
    [502, await proxy({ refuse: 502 })],
  ]);
  const socks: SocksServer[] = [];
  const socksAt = async (options: Parameters<typeof startSocks>[0]) => {
    const started = servers.add(await startSocks(options));
    socks.push(started);
    return started.address;
  };
  const secure = (address: string): string => `localhost:${portOf(address)}`;
  const at: Places = {
    target: (await servers.http(target)).address,
    secureTarget: secure((await servers.https(tls, target)).address),
    tokens: (await servers.http(tokens)).address,
    secureTokens: secure((await servers.https(tls, tokens)).address),
    proxy: await proxy({}),
    secureProxy: secure(await proxy({ tls })),
    refusing: (status) => refusing.get(status) ?? '',
    socks: await socksAt({}),
    socksWithPassword: await socksAt({ credentials: 'me:p@ss' }),
    socksRefusing: await socksAt({ refuse: 2 }),
    socksOdd: await socksAt({ slowly: true, boundName: 'bound.test' }),
    silent: (await servers.tcp()).address,
    closed: `127.0.0.1:${await closedPort()}`,
  };
  const take = (): string[] => [
    ...proxies.flatMap(({ seen, headers }) => {
      const kept = headers.splice(0);
      return seen.splice(0).map((line, i) => `proxy ${line} ${shownHeaders(kept[i] ?? {})}`);
    }),
    ...socks.flatMap(({ seen }) => seen.splice(0).map((line) => `socks ${line}`)),
    ...lines.splice(0),
  ];
  return { at, take, close: () => servers.close() };
}

/** User agent and connection handling are specific to each program. Tocsin sends no Referer, as documented. */
const OWN_HEADERS = new Set([
  ...['user-agent', 'accept', 'accept-encoding', 'connection', 'content-length', 'referer'],
]);

function shownHeaders(headers: IncomingHttpHeaders | Record<string, unknown>): string {
  const kept = Object.entries(headers).filter(([name]) => !OWN_HEADERS.has(name));
  return JSON.stringify(Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1))));
}

type Answering = (request: IncomingMessage) => {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
};

function recorded(lines: string[], what: string, answer: Answering): RequestListener {
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const shown = what === 'tokens' ? shownForm(body) : body;
      lines.push(`${what} ${request.method} ${request.url} ${shownHeaders(request.headers)} ${shown}`);
      const { status = 200, headers = {}, body: text = 'hello' } = answer(request);
      response.writeHead(status, headers).end(text);
    });
  };
}

const answerAsTarget: Answering = ({ url = '', headers }) => {
  if (url.startsWith('/redirect')) return { status: 302, headers: { Location: '/x' } };
  if (url.startsWith('/away'))
    return { status: 302, headers: { Location: `http://localhost:${portOf(headers.host ?? '')}/x` } };
  if (url.startsWith('/refuse')) return { status: 401 };
  return { body: `hello ${headers.host}` };
};

const TOKEN = { access_token: 'T', token_type: 'bearer', expires_in: 3_600 };

/** The path selects the answer of the endpoint. */
const answerAsTokens: Answering = ({ url = '', headers }) => {
  const [, kind = '', more = ''] = url.split('/');
  const json = (value: unknown, status = 200) => ({
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  });
  switch (kind) {
    case 'status':
      return json({ error: 'invalid_grant' }, Number(more));
    case 'form':
      return {
        headers: { 'Content-Type': decodeURIComponent(more) },
        body: 'access_token=F%2F1&token_type=bearer&expires_in=60',
      };
    case 'body-only':
      return headers.authorization === undefined ? json(TOKEN) : json({ error: 'x' }, Number(more));
    case 'with':
      return json({ ...TOKEN, ...(JSON.parse(decodeURIComponent(more)) as object) });
    default:
      return json(TOKEN);
  }
};

/** The fields of a form by name; an assertion is decoded, with its times and its id replaced by their kind. */
function shownForm(body: string): string {
  const fields = [...new URLSearchParams(body)].map(([name, value]): [string, unknown] => [
    name,
    name === 'assertion' ? shownAssertion(value) : value,
  ]);
  return JSON.stringify(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function shownAssertion(text: string): unknown {
  const [header = '', claims = '', signature = ''] = text.split('.');
  const read = (part: string) =>
    JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  const { iat, exp, jti, ...others } = read(claims);
  const now = Date.now() / 1_000;
  return {
    header: sorted(read(header)),
    claims: sorted(others),
    fresh: Math.abs(Number(iat) - now) < 5,
    life: Number(exp) - Number(iat),
    jti: String(jti).replace(/[0-9a-f]/g, 'x'),
    signatureBytes: Buffer.from(signature, 'base64url').length,
  };
}

function sorted(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
