import { createSecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { grpcProber } from '../../src/probes/grpc.ts';
import { httpProber } from '../../src/probes/http.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { run, verdictText } from '../support/probes/probe.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import {
  flood,
  http2Frame,
  HTTP2_BEGINNING,
  HTTP2_INTERIM,
  HTTP2_OK,
  MOST_BYTES,
  repeated,
  type Sent,
} from '../support/servers/flooding.ts';
import { listen } from '../support/servers/tcp.ts';

const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

type Settings = Readonly<Record<string, unknown>>;
const TIMES = { timeoutMs: 60_000 };

/** A server that sends `first`, then `chunk` endlessly, on every connection. */
async function flooding(first: Buffer | string, chunk: Buffer | string) {
  const sent: Sent = { bytes: 0 };
  const server = await servers.tcp((socket: Socket) => {
    socket.once('data', () => {
      socket.write(first);
      flood(socket, repeated(chunk), sent);
    });
  });
  return { ...server, sent };
}

interface FloodedProxy {
  readonly name: string;
  readonly scheme?: string;
  readonly first?: string;
  readonly chunk: string;
  readonly expected: string;
}

describe('a proxy that answers endlessly', () => {
  const OK = 'HTTP/1.1 200 OK\r\n';
  const LARGE =
    'protocol: The answer of the proxy to CONNECT is invalid: The header of the answer is larger than 256 KiB';
  const SOCKS_OPEN = '\x05\0\x05\0\0\x01\0\0\0\0\0\0';
  it.each<FloodedProxy>([
    { name: 'a header to CONNECT', first: OK, chunk: 'X-Y: z\r\n', expected: LARGE },
    { name: 'interim answers to CONNECT', chunk: 'HTTP/1.1 103 Early Hints\r\n\r\n', expected: LARGE },
    {
      ...{ name: 'a refusal of CONNECT', first: 'HTTP/1.1 502 No\r\n\r\n', chunk: 'x' },
      expected: 'connect: The proxy refuses to connect to the target: HTTP status 502',
    },
    { name: 'a tunnel', first: `${OK}\r\n`, chunk: 'x', expected: 'tls: TLS handshake failed' },
    {
      ...{ name: 'something else than SOCKS', scheme: 'socks5', chunk: 'x' },
      expected: 'protocol: The proxy does not speak SOCKS5',
    },
    {
      ...{ name: 'an answer of SOCKS', scheme: 'socks5', chunk: '\x05\0' },
      expected: 'protocol: The proxy answers with an unknown address type',
    },
    {
      ...{ name: 'a tunnel of SOCKS', scheme: 'socks5', first: SOCKS_OPEN, chunk: 'x' },
      expected: 'tls: TLS handshake failed',
    },
  ])('is cut off: $name', async ({ scheme = 'http', first = '', chunk, expected }) => {
    const proxy = await flooding(Buffer.from(first, 'latin1'), Buffer.from(chunk, 'latin1'));
    const settings = { proxy_url: `${scheme}://${proxy.address}` };
    const result = await run(httpProber, 'https://127.0.0.1:1/', { settings, ...TIMES });
    expect(verdictText(result)).toContain(expected);
    await proxy.idle();
    expect(proxy.sent.bytes).toBeLessThan(MOST_BYTES);
  });
});

describe('a token endpoint that answers endlessly', () => {
  it.each([
    ['a header', 'HTTP/1.1 200 OK\r\n', 'X-Y: z\r\n', 'The header of the answer is larger than 256 KiB'],
    ['a body', 'HTTP/1.1 200 OK\r\n\r\n', ' ', 'The answer is larger than 64 KiB'],
    [
      'a body in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
      '1\r\n \r\n',
      'The answer is larger than 64 KiB',
    ],
  ])('is cut off: %s', async (_what, first, chunk, expected) => {
    const endpoint = await flooding(first, chunk);
    const oauth2 = { client_id: 'i', client_secret: 's', token_url: `http://${endpoint.address}/` };
    const result = await run(httpProber, 'http://127.0.0.1:1/', { settings: { oauth2 }, ...TIMES });
    expect(verdictText(result)).toBe(`auth: No token could be fetched: ${expected}`);
    await endpoint.idle();
    expect(endpoint.sent.bytes).toBeLessThan(MOST_BYTES);
  });
});

interface FloodedPage {
  readonly name: string;
  readonly first: string;
  readonly chunk: string;
  readonly settings?: Settings;
  readonly expected: string;
}

describe('a web server that answers endlessly', () => {
  const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const TOO_LARGE = 'body: The body is larger than body_size_limit (1048576 bytes)';
  it.each<FloodedPage>([
    {
      ...{ name: 'a header', first: 'HTTP/1.1 200 OK\r\n', chunk: 'X-Y: z\r\n' },
      expected: 'protocol: The header of the answer is larger than 256 KiB',
    },
    {
      name: 'the statistics of HAProxy',
      ...{ first: 'HTTP/1.1 200 OK\r\n\r\n', chunk: 'web,FRONTEND,,,0,0,2000,0,0,0,0,0,0,,,,,OPEN\n' },
      settings: { body_size_limit: '1MiB', fail_if_body_not_matches_regexp: ['web,BACKEND'] },
      expected: TOO_LARGE,
    },
    {
      ...{ name: 'chunks of one byte', first: CHUNKED, chunk: '1\r\nx\r\n' },
      settings: { body_size_limit: '64KiB', fail_if_body_matches_regexp: ['never'] },
      expected: 'body: The body is larger than body_size_limit (65536 bytes)',
    },
    {
      ...{ name: 'chunks that are almost nothing but overhead', first: CHUNKED },
      chunk: `1;${'x'.repeat(99)}\r\nx\r\n`,
      expected: 'protocol: The chunks of the body are too small: almost all of the data is overhead',
    },
  ])('is cut off: $name', async ({ first, chunk, settings = {}, expected }) => {
    const server = await flooding(first, chunk);
    const result = await run(httpProber, `http://${server.address}/`, { settings, ...TIMES });
    expect(verdictText(result)).toBe(expected);
    await server.idle();
    expect(server.sent.bytes).toBeLessThan(MOST_BYTES);
  });
});

const OTHERS = 'protocol: The server sent more than 1048576 bytes in addition to the content of its answer';
const INTERIMS = 'protocol: The server sent more than 100 interim answers (HTTP status 1xx)';
const NOTHING = Buffer.alloc(0);
const HTTP2_FLOODS: readonly (readonly [string, Buffer, Buffer, string])[] = [
  ['frames of an unknown type', NOTHING, http2Frame(0x55, 0, { payload: Buffer.alloc(16_000) }), OTHERS],
  ['empty frames of an unknown type', NOTHING, http2Frame(0x55, 0), OTHERS],
  ['window updates', NOTHING, http2Frame(8, 0, { payload: Buffer.of(0, 0, 0, 1) }), OTHERS],
  ['priorities', NOTHING, http2Frame(2, 3, { payload: Buffer.of(0, 0, 0, 0, 1) }), OTHERS],
  ['interim answers', NOTHING, HTTP2_INTERIM, INTERIMS],
  [
    'padding',
    HTTP2_OK,
    http2Frame(0, 1, { flags: 8, payload: Buffer.concat([Buffer.of(255), Buffer.alloc(255)]) }),
    OTHERS,
  ],
  ['pings', NOTHING, http2Frame(6, 0, { payload: Buffer.alloc(8) }), 'protocol: '],
  ['settings', NOTHING, http2Frame(4, 0), 'protocol: '],
  ['continuations', http2Frame(1, 1, { payload: Buffer.of(0x88) }), http2Frame(9, 1), 'protocol: '],
];

describe('an HTTP/2 server that sends endlessly', () => {
  it.each(HTTP2_FLOODS)('is cut off by grpc: %s', async (_what, first, chunk, expected) => {
    const server = await flooding(Buffer.concat([HTTP2_BEGINNING, first]), chunk);
    const result = await run(grpcProber, server.address, TIMES);
    expect(verdictText(result)).toContain(expected);
    await server.idle();
    expect(server.sent.bytes).toBeLessThan(MOST_BYTES);
  });

  it('is cut off by grpc: an answer', async () => {
    const data = http2Frame(0, 1, { payload: Buffer.alloc(16_384) });
    const server = await flooding(Buffer.concat([HTTP2_BEGINNING, HTTP2_OK]), data);
    expect(verdictText(await run(grpcProber, server.address, TIMES))).toBe(
      'protocol: The check ended in INTERNAL: the answer is longer than 65541 bytes',
    );
    await server.idle();
    expect(server.sent.bytes).toBeLessThan(MOST_BYTES);
  });

  it.each(HTTP2_FLOODS)('is cut off by http: %s', async (_what, first, chunk, expected) => {
    const sent = { bytes: 0 };
    const tls = { ...mint.leaf(), ALPNProtocols: ['h2'] };
    const server = servers.add(
      await listen(
        createTlsServer(tls, (socket) => {
          socket.once('data', () => {
            socket.write(Buffer.concat([HTTP2_BEGINNING, first]));
            flood(socket, repeated(chunk), sent);
          });
        }),
      ),
    );
    const settings = { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile } };
    const result = await run(httpProber, `https://localhost:${server.port}/`, { settings, ...TIMES });
    expect(verdictText(result)).toContain(expected);
    await server.idle();
    expect(sent.bytes).toBeLessThan(MOST_BYTES);
  });

  it('is read completely by http when it sends a large body in small pieces', async () => {
    const { key, cert } = mint.leaf();
    const web = createSecureServer({ key, cert }, (_request, response) => {
      for (let i = 0; i < 4_096; i += 1) response.write(Buffer.alloc(1_024));
      response.end();
    });
    const server = servers.add(await listen(web));
    const settings = { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile } };
    const result = await run(httpProber, `https://localhost:${server.port}/`, { settings, ...TIMES });
    expect(verdictText(result)).toBe('success');
  });
});
