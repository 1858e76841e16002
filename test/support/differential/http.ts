import type { RequestListener, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import type { Difference, Pair, PairServer } from './differential.ts';
import { startHttp } from '../servers/http.ts';
import { closedPort, startTcp } from '../servers/tcp.ts';

type Settings = Readonly<Record<string, unknown>>;
type More = Partial<Omit<Pair, 'name'>>;

const httpModule = (http: Settings) => ({
  prober: 'http',
  timeout: '10s',
  http: { preferred_ip_protocol: 'ip4', ...http },
});

/** Settings of a module and a server that answers every request with this. */
function http(name: string, settings: Settings, handle: RequestListener, more: More = {}): Pair {
  return {
    name: `http: ${name}`,
    module: httpModule(settings),
    start: async () => {
      const server = await startHttp(handle);
      return { target: server.url, stop: () => server.close() };
    },
    ...more,
  };
}

/** The same with a server that passes each connection to `answer` once it has sent a request. */
function raw(name: string, settings: Settings, answer: (socket: Socket) => void, more: More = {}): Pair {
  return {
    name: `http: ${name}`,
    module: httpModule(settings),
    start: async () => {
      const server = await startTcp((socket) => socket.once('data', () => answer(socket)));
      return { target: `http://${server.address}`, stop: () => server.close() };
    },
    ...more,
  };
}

const status = (code: number, headers: Record<string, string> = {}, body = '') =>
  ((_request, response) => {
    response.writeHead(code, headers).end(body);
  }) satisfies RequestListener;

const text = (body: string, headers: Record<string, string> = {}) =>
  status(200, { 'Content-Length': String(Buffer.byteLength(body)), ...headers }, body);

/** `/` redirects to `/1`, `/2` … until `/<count>`, which answers 200. */
const redirects = (count: number, code: number): RequestListener => {
  return (request, response) => {
    const step = Number(request.url?.slice(1) ?? 0);
    if (step < count) response.writeHead(code, { Location: `/${step + 1}` }).end('moved');
    else response.end(`${request.method} arrived`);
  };
};

const json = (value: unknown) => text(JSON.stringify(value), { 'Content-Type': 'application/json' });

const statuses: readonly Pair[] = [
  http('200', {}, text('hello')),
  http('200 without a body', {}, text('')),
  http('201', {}, status(201)),
  http('204', {}, status(204)),
  http('304', { valid_status_codes: [304] }, status(304)),
  http('404', {}, status(404, {}, 'no such page')),
  http('404 that is wanted', { valid_status_codes: [200, 404] }, status(404, {}, 'no such page')),
  http('200 that is not wanted', { valid_status_codes: [404] }, text('hello')),
  http('500', {}, status(500, {}, 'oh')),
  http('503 with headers', {}, status(503, { 'Retry-After': '5' })),
  http('HEAD', { method: 'HEAD' }, status(200, { 'Content-Length': '5' })),
  http(
    'POST with a body',
    { method: 'POST', body: 'a=1', valid_status_codes: [200] },
    (request, response) => {
      request.on('data', (part: Buffer) => response.write(part));
      request.on('end', () => response.end());
    },
  ),
  http('a target without a scheme', {}, text('hello'), {
    start: async () => {
      const server = await startHttp(text('hello'));
      return { target: server.address, stop: () => server.close() };
    },
  }),
  http('a name as target', {}, text('hello'), {
    start: async () => {
      const server = await startHttp(text('hello'));
      return { target: `http://localhost:${server.port}/x?y=z`, stop: () => server.close() };
    },
  }),
];

const redirecting: readonly Pair[] = [
  http('one redirect', {}, redirects(1, 302)),
  http('three redirects', {}, redirects(3, 301)),
  http('ten redirects', {}, redirects(10, 302)),
  http('eleven redirects', {}, redirects(11, 302)),
  http('a 307 repeats the POST', { method: 'POST', body: 'a' }, redirects(1, 307)),
  http('a 303 after POST', { method: 'POST', body: 'a' }, redirects(1, 303)),
  http('redirects that are not followed', { follow_redirects: false }, redirects(1, 302)),
  http(
    'wanted ones that are not followed',
    { follow_redirects: false, valid_status_codes: [302] },
    redirects(1, 302),
  ),
  http('no_follow_redirects', { no_follow_redirects: true }, redirects(1, 302)),
  http('a redirect without Location', {}, status(302)),
  http('a redirect to another scheme', {}, status(302, { Location: 'ftp://127.0.0.1/' }), {
    differs: {
      title: 'A redirect that cannot be followed keeps its answer',
      series: [
        'probe_http_content_length',
        'probe_http_redirects',
        'probe_http_status_code',
        'probe_http_version',
      ],
    },
  }),
  http('a redirect to a closed port', {}, status(302, { Location: 'http://127.0.0.1:1/' })),
];

const contents: readonly Pair[] = [
  http('a body that matches what it must not', { fail_if_body_matches_regexp: ['err.r'] }, text('an error')),
  http('a body without what it must not match', { fail_if_body_matches_regexp: ['err.r'] }, text('fine')),
  http('a body that lacks what it must match', { fail_if_body_not_matches_regexp: ['^ok$'] }, text('fine')),
  http('a body with what it must match', { fail_if_body_not_matches_regexp: ['^ok$', 'k'] }, text('ok')),
  http(
    'a regexp that is never asked, the status being bad',
    { fail_if_body_matches_regexp: ['x'] },
    status(500, {}, 'x'),
  ),
  http(
    'a header that must not match',
    { fail_if_header_matches: [{ header: 'X-A', regexp: '1' }] },
    text('', { 'X-A': '1' }),
  ),
  http('a header that is missing', { fail_if_header_matches: [{ header: 'X-A', regexp: '1' }] }, text('')),
  http(
    'a header that may be missing',
    { fail_if_header_matches: [{ header: 'X-A', regexp: '1', allow_missing: true }] },
    text(''),
  ),
  http(
    'a header that lacks what it must match',
    { fail_if_header_not_matches: [{ header: 'X-A', regexp: '^2' }] },
    text('', { 'X-A': '1' }),
  ),
  http(
    'a header with what it must match',
    { fail_if_header_not_matches: [{ header: 'x-a', regexp: '^1' }] },
    text('', { 'X-A': '1' }),
  ),
  http('a number in place of a text, as YAML has it', { fail_if_body_matches_regexp: [123] }, text('0123')),
  http(
    'JSON that fits a CEL expression it must not',
    { fail_if_body_json_matches_cel: 'body.a == 1' },
    json({ a: 1 }),
  ),
  http('JSON that does not fit one', { fail_if_body_json_matches_cel: 'body.a == 1' }, json({ a: 2 })),
  http(
    'JSON that fits the CEL expression it must',
    { fail_if_body_json_not_matches_cel: 'body.a == 1' },
    json({ a: 1 }),
  ),
  http(
    'JSON that does not fit the one it must',
    { fail_if_body_json_not_matches_cel: 'body.a == 1' },
    json({ a: 2 }),
  ),
  http('a CEL expression and no JSON', { fail_if_body_json_matches_cel: 'body.a == 1' }, text('not JSON')),
  http(
    'a CEL expression on what is not there',
    { fail_if_body_json_matches_cel: 'body.b == 1' },
    json({ a: 1 }),
  ),
  http('fail_if_ssl without TLS', { fail_if_ssl: true }, text('')),
  http('fail_if_not_ssl without TLS', { fail_if_not_ssl: true }, text('')),
  http('a version that is wanted', { valid_http_versions: ['HTTP/1.1'] }, text('')),
  http('a version that is not', { valid_http_versions: ['HTTP/2.0'] }, text('')),
  http('a body within body_size_limit', { body_size_limit: '10B' }, text('0123456789')),
  http('a body beyond body_size_limit', { body_size_limit: '10B' }, text('0123456789a')),
  http('Last-Modified', {}, text('', { 'Last-Modified': 'Wed, 21 Oct 2015 07:28:00 GMT' })),
  http('Last-Modified of RFC 850', {}, text('', { 'Last-Modified': 'Wednesday, 21-Oct-15 07:28:00 GMT' })),
  http('Last-Modified of asctime', {}, text('', { 'Last-Modified': 'Wed Oct  7 07:28:00 2015' })),
  http('an invalid Last-Modified', {}, text('', { 'Last-Modified': 'yesterday' })),
];

const CUT: Difference = {
  title: 'Rules about a body see its first megabyte',
  series: ['probe_success', 'probe_failed_due_to_regex'],
};
const long = 'x'.repeat(1_048_576);

/** Bodies longer than the part that rules check. */
const longBodies: readonly Pair[] = [
  http(
    'a long body with what it must match, at once',
    { fail_if_body_not_matches_regexp: ['^ok'] },
    text(`ok${long}`),
  ),
  http(
    'a long body that matches what it must not, at once',
    { fail_if_body_matches_regexp: ['^ok'] },
    text(`ok${long}`),
  ),
  http(
    'a long body with what it must match, later',
    { fail_if_body_not_matches_regexp: ['ok$'] },
    text(`${long}ok`),
    {
      differs: CUT,
    },
  ),
  http(
    'a long body without what it must not match',
    { fail_if_body_matches_regexp: ['err.r'] },
    text(`${long}ok`),
    {
      differs: CUT,
    },
  ),
  http(
    'a long body that matches what it must not, later',
    { fail_if_body_matches_regexp: ['err.r'] },
    text(`${long}error`),
  ),
  http('a long body without rules', {}, text(`${long}ok`)),
];

const encodings: readonly Pair[] = [
  http('chunked', {}, (_request, response) => {
    response.write('one');
    response.end('two');
  }),
  http('gzip', { compression: 'gzip' }, encoded('gzip', gzipSync('hello hello hello'))),
  http(
    'gzip and a regexp',
    { compression: 'gzip', fail_if_body_not_matches_regexp: ['hello'] },
    encoded('gzip', gzipSync('hello')),
  ),
  http('deflate', { compression: 'deflate' }, encoded('deflate', deflateSync('hello')), {
    differs: {
      title: 'deflate is what RFC 9110 says it is',
      series: ['probe_success', 'probe_http_uncompressed_body_length'],
    },
  }),
  http('deflate without its frame', { compression: 'deflate' }, encoded('deflate', deflateRawSync('hello'))),
  http('brotli', { compression: 'br' }, encoded('br', brotliCompressSync('hello'))),
  http('announced gzip that is plain', { compression: 'gzip' }, encoded('gzip', Buffer.from('plain'))),
  http('another encoding than announced', { compression: 'gzip' }, text('plain')),
];

function encoded(encoding: string, body: Buffer): RequestListener {
  return (_request, response) => {
    response.writeHead(200, { 'Content-Encoding': encoding, 'Content-Length': body.length }).end(body);
  };
}

const asked = (wanted: (response: ServerResponse) => boolean): RequestListener => {
  return (_request, response) => {
    response.writeHead(wanted(response) ? 200 : 401).end();
  };
};

const requests: readonly Pair[] = [
  http(
    'basic authentication',
    { basic_auth: { username: 'u', password: 'p' } },
    asked(({ req }) => req.headers.authorization === 'Basic dTpw'),
  ),
  http(
    'a bearer token',
    { authorization: { credentials: 't' } },
    asked(({ req }) => req.headers.authorization === 'Bearer t'),
  ),
  http(
    'headers',
    { headers: { 'X-A': 'b' } },
    asked(({ req }) => req.headers['x-a'] === 'b'),
  ),
  http(
    'http_headers',
    { http_headers: { 'X-A': { values: ['b'] } } },
    asked(({ req }) => req.headers['x-a'] === 'b'),
  ),
  http(
    'a Host header',
    { headers: { Host: 'a.test' } },
    asked(({ req }) => req.headers.host === 'a.test'),
  ),
  http(
    'hostname',
    {},
    asked(({ req }) => req.headers.host === 'b.test'),
    { query: { hostname: 'b.test' } },
  ),
  http(
    'hostname and the same Host',
    { headers: { Host: 'b.test' } },
    asked(({ req }) => req.headers.host === 'b.test'),
    {
      query: { hostname: 'b.test' },
    },
  ),
  http(
    'a switch to WebSocket that is refused',
    { headers: { Connection: 'Upgrade', Upgrade: 'websocket' } },
    asked(({ req }) => req.headers.upgrade === 'websocket' && req.headers.connection === 'Upgrade'),
  ),
  http(
    'headers that follow from the body',
    { headers: { 'Content-Length': '7', 'Transfer-Encoding': 'chunked', Connection: 'keep-alive' } },
    asked(({ req }) => req.headers['content-length'] === undefined),
  ),
  http('an empty method and protocol', { method: '', preferred_ip_protocol: '' }, text('hello')),
  http('a status beyond 599', { valid_status_codes: [999] }, status(999)),
  http(
    'another method',
    { method: 'PROPFIND' },
    asked(({ req }) => req.method === 'PROPFIND'),
  ),
  http('hostname against another Host', { headers: { Host: 'a.test' } }, text(''), {
    query: { hostname: 'b.test' },
  }),
];

const never = (): void => undefined;

const problems: readonly Pair[] = [
  raw('a reset in place of an answer', {}, (socket) => socket.resetAndDestroy()),
  raw('a connection closed in place of an answer', {}, (socket) => socket.end()),
  raw('an answer that is not HTTP', {}, (socket) => socket.end('SSH-2.0-OpenSSH\r\n')),
  raw(
    'a switch to WebSocket',
    { headers: { Connection: 'Upgrade', Upgrade: 'websocket' }, valid_status_codes: [101] },
    (socket) =>
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
  ),
  raw('lines that end with LF alone', {}, (socket) => socket.end('HTTP/1.1 200 OK\nContent-Length: 2\n\nok')),
  raw('a folded header', {}, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok'),
  ),
  raw('a length beside chunks', {}, (socket) =>
    socket.end(
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
    ),
  ),
  raw('HTTP/1.2', {}, (socket) => socket.end('HTTP/1.2 200 OK\r\nContent-Length: 2\r\n\r\nok')),
  raw('four thousand headers', {}, (socket) =>
    socket.end(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(4_000)}Content-Length: 2\r\n\r\nok`),
  ),
  raw('a header in UTF-8', { fail_if_header_not_matches: [{ header: 'X', regexp: '^é$' }] }, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nX: é\r\nContent-Length: 2\r\n\r\nok'),
  ),
  raw('an empty Location', { valid_status_codes: [302] }, (socket) =>
    socket.end('HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 2\r\n\r\nok'),
  ),
  raw(
    'an empty Location that is not followed',
    { valid_status_codes: [302], follow_redirects: false },
    (socket) => socket.end('HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 2\r\n\r\nok'),
  ),
  raw('HTTP/1.0', {}, (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhello')),
  raw('a body without a length', {}, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello'),
  ),
  raw('a body shorter than announced', {}, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello'),
  ),
  raw('a chunked body that breaks off', {}, (socket) =>
    socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n'),
  ),
  raw('a reset within the body', {}, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello', () =>
      setImmediate(() => socket.resetAndDestroy()),
    );
  }),
  raw('no answer at all', {}, never, { timeoutSeconds: 2 }),
  raw('headers that never end', {}, (socket) => socket.write('HTTP/1.1 200 OK\r\nX-A:'), {
    timeoutSeconds: 2,
  }),
  raw(
    'a body that never ends',
    {},
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'),
    {
      timeoutSeconds: 2,
    },
  ),
  http('a closed port', {}, never, {
    start: async () => ({ target: `http://127.0.0.1:${await closedPort()}`, stop: never }),
  }),
  http('an invalid URL', {}, never, { start: () => fixed('http://[::1') }),
  http('an invalid port', {}, never, { start: () => fixed('http://127.0.0.1:http/') }),
  http(
    'only IPv6, for an IPv4 address',
    { preferred_ip_protocol: 'ip6', ip_protocol_fallback: false },
    text(''),
  ),
  http('IPv6 with fallback, for an IPv4 address', { preferred_ip_protocol: 'ip6' }, text('')),
];

function fixed(target: string): Promise<PairServer> {
  return Promise.resolve({ target, stop: never });
}

/** Over HTTP/2, with a certificate for `localhost`. */
export function http2Pair(name: string, settings: Settings, tls: { cert: string; key: string }): Pair {
  return {
    name: `http: ${name}`,
    module: httpModule(settings),
    start: async () => {
      const server = createSecureServer({ ...tls, allowHTTP1: true }, (_request, response) =>
        response.end('hello'),
      );
      const sessions = new Set<{ destroy(): void }>();
      server.on('session', (session: { destroy(): void }) => sessions.add(session));
      server.on('secureConnection', (socket: { destroy(): void }) => sessions.add(socket));
      server.on('sessionError', never);
      const port = await new Promise<number>((resolve) => {
        server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
      });
      return {
        target: `https://localhost:${port}`,
        stop: () =>
          new Promise<void>((resolve) => {
            server.close(() => resolve());
            for (const session of sessions) session.destroy();
          }),
      };
    },
  };
}

export const httpPairs: readonly Pair[] = [
  ...statuses,
  ...redirecting,
  ...contents,
  ...longBodies,
  ...encodings,
  ...requests,
  ...problems,
];
