import { createServer, type Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import type { Difference, Pair } from './differential.ts';
import { listen, startTcp } from '../servers/tcp.ts';

type Settings = Readonly<Record<string, unknown>>;

const never = (): void => undefined;

const httpModule = (http: Settings) => ({
  prober: 'http',
  timeout: '10s',
  http: { preferred_ip_protocol: 'ip4', ...http },
});

/** A time that encodes a text, for `Last-Modified`: so the metrics of both exporters show what they sent. */
export function momentOf(text: string): string {
  return new Date(crc32(text) * 1_000).toUTCString();
}

/** What both exporters must send identically: the request line, `Host`, `Authorization` and `X-` headers. */
function comparable(head: string): string {
  const lines = head
    .split('\r\n')
    .filter((line, i) => i === 0 || /^(?:host|authorization|x-[\w-]*):/i.test(line));
  return lines
    .map((line, i) => (i === 0 ? line : line.replace(/^[^:]*/, (name) => name.toLowerCase())))
    .join('\n');
}

/** The start of redirects. */
const BASE = '/dir/base?q=1';

/** Answers each request with the time that encodes it; `/dir/base?q=1` with a redirect, where there is a `location`. */
function recorder(location?: string): (socket: Socket) => void {
  return (socket) => {
    socket.on('error', never);
    socket.once('data', (bytes: Buffer) => {
      const head =
        location !== undefined && bytes.includes(`${BASE} `)
          ? `302 Found\r\nLocation: ${location}`
          : `200 OK\r\nLast-Modified: ${momentOf(comparable(bytes.toString('latin1')))}`;
      socket.end(`HTTP/1.1 ${head}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, 'latin1');
    });
  };
}

/** A target on the server, as it is sent. @param target with `PORT` for the port */
function sent(name: string, target: string, settings: Settings = {}, more: Partial<Pair> = {}): Pair {
  return {
    name: `sent: ${name}`,
    module: httpModule(settings),
    start: async () => {
      const server = await startTcp(recorder());
      return { target: target.replace('PORT', String(server.port)), stop: () => server.close() };
    },
    ...more,
  };
}

const at = (path: string): string => `http://127.0.0.1:PORT${path}`;

/** A redirect from `/dir/base?q=1`, one character for each byte, with `PORT` for the port. */
function redirected(name: string, location: string, differs?: Difference): Pair {
  return {
    name: `redirected: ${name}`,
    module: httpModule({}),
    start: async () => {
      let handle: (socket: Socket) => void = never;
      const server = await startTcp((socket) => handle(socket));
      handle = recorder(location.replace('PORT', String(server.port)));
      return { target: `http://127.0.0.1:${server.port}${BASE}`, stop: () => server.close() };
    },
    ...(differs !== undefined && { differs }),
  };
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1');

const QUERY: Difference = {
  title: 'Queries have no spaces and nothing beyond ASCII',
  series: ['probe_http_last_modified_timestamp_seconds'],
};

const targets: readonly Pair[] = [
  sent('encoded dots', at('/%2e%2e/x')),
  sent('dots', at('/a/../b')),
  sent('an apostrophe', at("/it's")),
  sent('a bar', at('/a|b')),
  sent('a circumflex', at('/a^b')),
  sent('a bar beside an encoded slash', at('/a%2Fb|c')),
  sent('letters beyond ASCII', at('/café')),
  sent('encoded letters beyond ASCII', at('/caf%c3%a9')),
  sent('a space at the end of a path', at('/ ')),
  sent('a space within a path', at('/a b')),
  sent('brackets in a path', at('/[x]')),
  sent('a backslash in a path', at('/a\\b')),
  sent('two slashes', at('//x')),
  sent('sub-delimiters', at("/!$&'()*+,;=:@")),
  sent('a query behind the host', at('?x')),
  sent('an empty query', at('?')),
  sent('odd characters in a query', at('/?q=|^"<>`{}')),
  sent('a query with a lone percent sign', at('/?100%')),
  sent('letters beyond ASCII in a query', at('/?q=é'), {}, { differs: QUERY }),
  sent('a space in a query', at('/?a b'), {}, { differs: QUERY }),
  sent('a fragment', at('/a#b|c')),
  sent('a percent sign without digits in a path', at('/%zz')),
  sent('a host in upper case', 'http://LOCALHOST:PORT/A'),
  sent('user and password', 'http://u:p%40%25@127.0.0.1:PORT/'),
  sent('a shortened IPv4 address', 'http://127.1:PORT/'),
  sent('an IPv4 address in hexadecimal digits', 'http://0x7f000001:PORT/'),
  sent('an IPv4 address within an IPv6 address', 'http://[::ffff:127.0.0.1]:PORT/'),
  sent('a space behind the port', 'http://127.0.0.1:PORT '),
  {
    name: 'sent: an IPv6 address with a zone',
    module: httpModule({ preferred_ip_protocol: 'ip6' }),
    start: async () => {
      const server = await listen(createServer(recorder()), '::1');
      return { target: `http://[::1%25lo]:${server.port}/`, stop: () => server.close() };
    },
  },
];

const locations: readonly Pair[] = [
  redirected('letters beyond ASCII', latin1('/café')),
  redirected('bytes that are not UTF-8', '/caf\xe9'),
  redirected('letters beyond ASCII in a query', latin1('/?q=é'), QUERY),
  redirected('a relative path with dots', '../x/./y'),
  redirected('an absolute path with dots', '/a/../b'),
  redirected('encoded dots', '/%2e%2e/x'),
  redirected('a query only', '?z'),
  redirected('a space', 'x y'),
  redirected('a bar', '/a|b'),
  redirected('a colon behind a dot', './a:b'),
  redirected('another authority with dots', '//127.0.0.1:PORT/q/../r'),
  redirected('a scheme in upper case', 'HTTP://127.0.0.1:PORT/up'),
  redirected('no path', 'http://127.0.0.1:PORT'),
];

const headers: readonly Pair[] = [
  sent('a header beyond ASCII', at('/'), { headers: { 'X-A': 'Zürich' } }),
  sent('a header in Japanese', at('/'), { headers: { 'X-A': '東京' } }),
  sent('a header of http_headers beyond ASCII', at('/'), {
    http_headers: { 'X-A': { values: ['Łódź', '東京'] } },
  }),
  sent('a secret beyond ASCII', at('/'), { authorization: { credentials: 'päß' } }),
  sent('user and password beyond ASCII', at('/'), { basic_auth: { username: 'jörg', password: '東' } }),
  sent('a Host beyond ASCII', at('/'), { headers: { Host: 'bücher.test' } }),
];

/** Pairs that compare what is sent. */
export const wirePairs: readonly Pair[] = [...targets, ...locations, ...headers];
