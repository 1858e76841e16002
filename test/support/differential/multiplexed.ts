import type { ServerHttp2Stream } from 'node:http2';
import type { CertificateMint } from '../probes/certificates.ts';
import type { Pair } from './differential.ts';
import { REFUSALS, startAnswering, startRefusing } from '../servers/refusing.ts';
import { momentOf } from './wire.ts';

type Settings = Readonly<Record<string, unknown>>;
type Handle = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void;

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, `${i}`]));

const answers =
  (headers: Record<string, string> = {}): Handle =>
  (stream) => {
    stream.respond({ ':status': 200, ...headers });
    stream.end('hello');
  };

/** Reports the received values of these headers by the time in `Last-Modified`. */
const reports =
  (...names: readonly string[]): Handle =>
  (stream, headers) => {
    const got = JSON.stringify(names.map((name) => headers[name] ?? null));
    stream.respond({ ':status': 200, 'last-modified': momentOf(got) });
    stream.end();
  };

/** The health response SERVING, with further headers and trailers. */
const serves =
  (extra: Record<string, string> = {}): Handle =>
  (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', ...extra },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...extra }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
  };

/** Pairs over HTTP/2, where Node's client has peculiarities, with certificates of the test. */
export function multiplexedPairs(mint: CertificateMint): readonly Pair[] {
  const tls = mint.leaf();
  const http = (name: string, settings: Settings, start: () => ReturnType<typeof startAnswering>): Pair => ({
    name: `http/2: ${name}`,
    module: {
      prober: 'http',
      timeout: '10s',
      http: { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile }, ...settings },
    },
    start: async () => {
      const server = await start();
      return { target: `https://localhost:${server.port}/`, stop: () => server.close() };
    },
  });
  const grpc = (name: string, start: () => ReturnType<typeof startAnswering>): Pair => ({
    name: `grpc over HTTP/2: ${name}`,
    module: { prober: 'grpc', timeout: '10s', grpc: { preferred_ip_protocol: 'ip4' } },
    start: async () => {
      const server = await start();
      return { target: `localhost:${server.port}`, stop: () => server.close() };
    },
  });
  const twice = { values: ['a', 'b'] };
  return [
    http('127 header fields', {}, () => startAnswering(answers(many(127)), tls)),
    http('1,000 header fields', {}, () => startAnswering(answers(many(1_000)), tls)),
    http('a refused stream', {}, () => startRefusing(REFUSALS.refused, answers(), { tls })),
    http('a refused stream, with a body', { method: 'POST', body: 'a' }, () =>
      startRefusing(REFUSALS.refused, answers(), { tls }),
    ),
    http('GOAWAY before the request was taken', {}, () => startRefusing(REFUSALS.goaway, answers(), { tls })),
    http('a header that may be there once, given twice', { http_headers: { Referer: twice } }, () =>
      startAnswering(reports('x-a'), tls),
    ),
    http('a header beyond ASCII', { headers: { 'X-A': 'Zürich 東京' } }, () =>
      startAnswering(reports('x-a'), tls),
    ),
    http('headers about the connection', { headers: { 'Keep-Alive': '5', 'Proxy-Connection': 'x' } }, () =>
      startAnswering(reports('keep-alive', 'proxy-connection'), tls),
    ),
    grpc('127 fields of metadata', () => startAnswering(serves(many(127)))),
    grpc('GOAWAY before the call was taken', () => startRefusing(REFUSALS.goaway, serves())),
  ];
}
