import { readFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { grpcProber } from '../../src/probes/grpc.ts';
import { NameNotFoundError } from '../../src/probes/net/resolver.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import {
  exposedFamilies,
  labelsOf,
  probeOf,
  refusals,
  run,
  valueOf,
  verdictText,
} from '../support/probes/probe.ts';
import {
  startGrpc,
  type GrpcServer,
  type GrpcServerOptions,
  type HealthAnswering,
} from '../support/servers/grpc.ts';
import { closedPort, listen, startTcp, type TestServer } from '../support/servers/tcp.ts';

let mint: CertificateMint;
const servers: { close(): Promise<void> }[] = [];

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

const kept = <T extends { close(): Promise<void> }>(server: T): T => {
  servers.push(server);
  return server;
};
const serve = async (answer: HealthAnswering, options?: GrpcServerOptions): Promise<GrpcServer> =>
  kept(await startGrpc(answer, options));
const SERVING = () => 1;

/** An HTTP/2 server that passes each request to `handle`, and knows its connections. */
async function http2(handle: (stream: ServerHttp2Stream) => void): Promise<TestServer> {
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => undefined);
    handle(stream);
  });
  server.on('sessionError', () => undefined);
  return kept(await listen(server as unknown as Server));
}

const GRPC = { ':status': 200, 'content-type': 'application/grpc' };
const OK_FRAME = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

/** Answers with these headers, bytes and trailers. */
function answering(
  body: Buffer,
  trailers: Record<string, string>,
  headers: Record<string, string | number> = GRPC,
) {
  return (stream: ServerHttp2Stream): void => {
    stream.respond(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.end(body);
  };
}

const servingOf = (result: Parameters<typeof valueOf>[0]) =>
  ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'].filter(
    (serving_status) => valueOf(result, 'probe_grpc_healthcheck_response', { serving_status }) === 1,
  );

describe('a grpc run', () => {
  it('succeeds when the server reports SERVING', async () => {
    const server = await serve(SERVING);
    const result = await run(grpcProber, server.address);
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(0);
    expect(valueOf(result, 'probe_grpc_ssl')).toBe(0);
    expect(servingOf(result)).toEqual(['SERVING']);
    expect(valueOf(result, 'probe_grpc_healthcheck_response', { serving_status: 'NOT_SERVING' })).toBe(0);
    const check = valueOf(result, 'probe_grpc_duration_seconds', { phase: 'check' });
    const { connect = 0, processing = 0 } = result.phases;
    expect(check).toBeCloseTo(connect + processing, 9);
  });

  it.each([
    [0, 'UNKNOWN'],
    [2, 'NOT_SERVING'],
    [3, 'SERVICE_UNKNOWN'],
  ])('fails with status when the server reports %i', async (status, name) => {
    const result = await run(grpcProber, (await serve(() => status)).address);
    expect(verdictText(result)).toBe(`status: The server reports ${name}`);
    expect(servingOf(result)).toEqual([name]);
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(0);
  });

  it('reports an unknown serving status by its number', async () => {
    const result = await run(grpcProber, (await serve(() => 9)).address);
    expect(verdictText(result)).toBe('status: The server reports 9');
    expect(valueOf(result, 'probe_grpc_healthcheck_response', { serving_status: '9' })).toBe(1);
  });

  it('asks for the service, with the metadata, and encodes -bin keys in base64', async () => {
    const asked: unknown[] = [];
    const server = await serve((service, metadata) => {
      asked.push(service, metadata.get('authorization'), metadata.get('x-bin'), metadata.get('grpc-timeout'));
      return 1;
    });
    const metadata = { Authorization: ['Bearer a', 'Bearer b'], 'x-bin': ['\u0001\u0002'] };
    const settings = { service: 'shop.Cart', metadata };
    expect(verdictText(await run(grpcProber, server.address, { settings }))).toBe('success');
    const [service, authorization, binary] = asked;
    expect(service).toBe('shop.Cart');
    expect(String(authorization)).toMatch(/Bearer a,\s*Bearer b/);
    expect(binary).toEqual([Buffer.from([1, 2])]);
  });

  it.each([
    [5, 'no such service', 'status: The check ended in NOT_FOUND: no such service'],
    [16, 'who are you?', 'auth: The check ended in UNAUTHENTICATED: who are you?'],
    [7, 'näh', 'auth: The check ended in PERMISSION_DENIED: näh'],
    [14, 'starting', 'status: The check ended in UNAVAILABLE: starting'],
  ])('fails when the server answers code %i', async (code, details, expected) => {
    const result = await run(grpcProber, (await serve(() => Object.assign({ details }, { code }))).address);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(code);
    expect(servingOf(result)).toEqual([]);
  });

  it('fails with status when the server has no health service', async () => {
    const result = await run(grpcProber, (await serve(SERVING, { health: false })).address);
    expect(verdictText(result)).toMatch(/^status: The check ended in UNIMPLEMENTED: /);
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(12);
  });

  it('fails with connect_refused when nothing listens: UNAVAILABLE to gRPC', async () => {
    const port = await closedPort();
    const result = await run(grpcProber, `127.0.0.1:${port}`);
    expect(verdictText(result)).toBe(`connect_refused: Connection refused by 127.0.0.1:${port}`);
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(14);
    expect(servingOf(result)).toEqual([]);
  });

  it('fails with dns, without a check, when the name does not resolve', async () => {
    const resolver = {
      lookup: () => Promise.reject(new NameNotFoundError('The name no.test does not exist')),
    };
    const result = await run(grpcProber, 'no.test:1', { resolver });
    expect(verdictText(result)).toBe('dns: The name no.test does not exist');
    expect(valueOf(result, 'probe_grpc_status_code')).toBeUndefined();
    expect(valueOf(result, 'probe_grpc_duration_seconds', { phase: 'check' })).toBeUndefined();
  });
});

describe('invalid answers', () => {
  it.each<[string, (stream: ServerHttp2Stream) => void, string, number]>([
    [
      'no trailers',
      (stream) => {
        stream.respond(GRPC);
        stream.end(OK_FRAME);
      },
      'protocol: The check ended in INTERNAL: the stream ended without trailers',
      13,
    ],
    [
      'no grpc-status',
      answering(OK_FRAME, { a: 'b' }),
      'protocol: The check ended in UNKNOWN: no grpc-status',
      2,
    ],
    [
      'no message',
      answering(Buffer.alloc(0), { 'grpc-status': '0' }),
      'protocol: The answer is not a HealthCheckResponse: it is empty',
      13,
    ],
    [
      'two messages',
      answering(Buffer.concat([OK_FRAME, OK_FRAME]), { 'grpc-status': '0' }),
      'protocol: The answer is not a HealthCheckResponse: it has more than one message',
      13,
    ],
    [
      'a compressed message',
      answering(Buffer.from([1, 0, 0, 0, 0]), { 'grpc-status': '0' }),
      'protocol: The answer is not a HealthCheckResponse: it is compressed, which was not requested',
      13,
    ],
    [
      'half a message',
      answering(OK_FRAME.subarray(0, 6), { 'grpc-status': '0' }),
      'protocol: The answer is not a HealthCheckResponse: it is truncated',
      13,
    ],
    [
      'a web page',
      answering(Buffer.from('<html>'), {}, { ':status': 200, 'content-type': 'text/html' }),
      'protocol: The check ended in UNKNOWN: HTTP content type text/html',
      2,
    ],
    [
      '404',
      answering(Buffer.alloc(0), {}, { ':status': 404 }),
      'protocol: The check ended in UNIMPLEMENTED: HTTP status 404',
      12,
    ],
    [
      '401',
      answering(Buffer.alloc(0), {}, { ':status': 401 }),
      'protocol: The check ended in UNAUTHENTICATED: HTTP status 401',
      16,
    ],
    [
      '503',
      answering(Buffer.alloc(0), {}, { ':status': 503 }),
      'protocol: The check ended in UNAVAILABLE: HTTP status 503',
      14,
    ],
    [
      'a broken grpc-message',
      answering(Buffer.alloc(0), { 'grpc-status': '3', 'grpc-message': '%zz' }),
      'status: The check ended in INVALID_ARGUMENT: %zz',
      3,
    ],
    [
      'a reset',
      (stream) => stream.close(11),
      'status: The check ended in RESOURCE_EXHAUSTED: the stream was reset (error 11)',
      8,
    ],
    [
      'a broken connection',
      (stream) => stream.session?.destroy(),
      'protocol: The check ended in UNAVAILABLE: the connection was closed',
      14,
    ],
    [
      'an answer that is too large',
      answering(Buffer.alloc(200_000), { 'grpc-status': '0' }),
      'protocol: The check ended in INTERNAL: the answer is longer than 65541 bytes',
      13,
    ],
  ])('%s', async (_what, handle, expected, code) => {
    const server = await http2(handle);
    const result = await run(grpcProber, server.address);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(code);
    await server.idle();
  });

  it('accepts trailers alone', async () => {
    const server = await http2((stream) =>
      stream.respond({ ...GRPC, 'grpc-status': '5' }, { endStream: true }),
    );
    expect(verdictText(await run(grpcProber, server.address))).toBe('status: The check ended in NOT_FOUND');
  });

  it('fails with protocol for a server that speaks only HTTP/1', async () => {
    const handle: RequestListener = (_request, response) => response.end('hello');
    const server = kept(await listen(createHttp(handle)));
    const result = await run(grpcProber, server.address);
    expect(verdictText(result)).toBe(
      'protocol: The check ended in UNAVAILABLE: the server does not speak HTTP/2',
    );
    await server.idle();
  });

  it('fails with protocol for a server that closes the connection', async () => {
    const server = kept(await startTcp((socket) => socket.destroy()));
    const result = await run(grpcProber, server.address);
    expect(verdictText(result)).toMatch(/^(?:protocol: The check ended in UNAVAILABLE|connect:)/);
    await server.idle();
  });
});

describe('over TLS', () => {
  const trusted = () => ({ tls: true, tls_config: { ca_file: mint.caFile }, preferred_ip_protocol: 'ip4' });

  it('succeeds and exposes the certificate, as its golden file says', async () => {
    const server = await serve(SERVING, { tls: mint.leaf({ issuer: 'intermediate' }) });
    const result = await run(grpcProber, `localhost:${server.port}`, { settings: trusted() });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_grpc_ssl')).toBe(1);
    expect(labelsOf(result, 'probe_tls_version_info')).toEqual({ version: 'TLS 1.3' });
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/grpc.txt', 'utf8'));
  });

  it.each([
    ['expired', () => mint.expired(), 'tls_expired'],
    ['self-signed', () => mint.selfSigned(), 'tls_untrusted'],
    ['for another name', () => mint.leaf({ names: ['DNS:other.example'] }), 'tls_name'],
  ])('reports a certificate that is %s, and sends nothing', async (_what, leaf, reason) => {
    let asked = 0;
    const server = await serve(() => (asked += 1), { tls: leaf() });
    const result = await run(grpcProber, `localhost:${server.port}`, { settings: trusted() });
    expect(result.verdict).toMatchObject({ status: 'failure', reason });
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(0);
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(14);
    expect(asked).toBe(0);
  });

  it('accepts any certificate with insecure_skip_verify', async () => {
    const server = await serve(SERVING, { tls: mint.expired() });
    const settings = { tls: true, tls_config: { insecure_skip_verify: true }, preferred_ip_protocol: 'ip4' };
    expect(verdictText(await run(grpcProber, `localhost:${server.port}`, { settings }))).toBe('success');
  });

  it('fails with protocol when the server does not offer HTTP/2', async () => {
    const server = kept(await listen(createTls({ ...mint.leaf(), ALPNProtocols: [] })));
    const result = await run(grpcProber, `localhost:${server.port}`, { settings: trusted() });
    expect(verdictText(result)).toBe('protocol: The server does not offer HTTP/2 (h2) in its TLS handshake');
    await server.idle();
  });

  it('fails with tls against a server without TLS', async () => {
    const server = await serve(SERVING);
    expect(verdictText(await run(grpcProber, server.address, { settings: { tls: true } }))).toMatch(/^tls:/);
  });
});

describe('defects of blackbox_exporter that are not here', () => {
  it('1: a silent server is abandoned at the deadline, and its connection closed', async () => {
    const server = await http2(() => undefined);
    const result = await run(grpcProber, server.address, { timeoutMs: 1_000 });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s while waiting for the answer');
    expect(valueOf(result, 'probe_grpc_status_code')).toBe(4);
    await server.idle();
  });

  it('1: so is one that accepts the connection and never sends a byte', async () => {
    const server = kept(await startTcp());
    const result = await run(grpcProber, server.address, { timeoutMs: 1_000 });
    expect(verdictText(result)).toMatch(/^timeout:/);
    await server.idle();
  });

  it('2: the reported address is the one that was dialled', async () => {
    const six = await serve(() => 2, { host: '::1' });
    const four = await startGrpc(SERVING, { host: `127.0.0.1` });
    kept(four);
    const addresses = [{ address: '127.0.0.1', family: 4 as const }];
    const resolver = { lookup: () => Promise.resolve(addresses) };
    const result = await run(grpcProber, `both.example:${four.port}`, { resolver });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_ip_protocol')).toBe(4);
    const other = { lookup: () => Promise.resolve([{ address: '::1', family: 6 as const }]) };
    const second = await run(grpcProber, `both.example:${six.port}`, { resolver: other });
    expect(verdictText(second)).toBe('status: The server reports NOT_SERVING');
    expect(valueOf(second, 'probe_ip_protocol')).toBe(6);
  });

  it('3: by default, the other IP protocol is a fallback', async () => {
    const server = await serve(SERVING);
    expect(verdictText(await run(grpcProber, server.address, { settings: {} }))).toBe('success');
  });
});

it('leaves no connection open, however many runs there are', async () => {
  const server = await http2(answering(OK_FRAME, { 'grpc-status': '0' }));
  const results = await Promise.all(Array.from({ length: 40 }, () => run(grpcProber, server.address)));
  expect(new Set(results.map(verdictText))).toEqual(new Set(['success']));
  await server.idle();
  expect(server.accepted()).toBe(40);
});

describe('grpc settings', () => {
  it.each([
    [
      { metadata: { 'grpc-timeout': ['1S'] } },
      'metadata.grpc-timeout: this name is reserved by gRPC; leave it out',
    ],
    [
      { metadata: { ':path': ['/'] } },
      'metadata.:path: expected a name of letters, digits, "_", "-" and "."',
    ],
    [{ metadata: { a: 'b' } }, 'metadata.a: Invalid input: expected array, received string'],
    [
      { metadata: { a: ['b\n'] } },
      'metadata.a: a value has characters besides printable ASCII; append -bin to its name',
    ],
    [{ service: 1 }, 'service: Invalid input: expected string, received number'],
    [{ port: 1 }, ': Unrecognized key: "port"'],
  ])('%j is refused', (settings, expected) => {
    expect(refusals(grpcProber, settings)).toEqual([expected]);
  });

  it('treat metadata as secrets', () => {
    const probe = probeOf(grpcProber, { metadata: { authorization: ['hunter2'] } });
    expect(JSON.stringify(probe.settings)).not.toContain('hunter2');
  });
});

describe('a grpc address', () => {
  it.each([
    ['api.example:50051', 'api.example:50051', 'api.example'],
    ['api.example', 'api.example', 'api.example'],
    ['[::1]:50051', '[::1]:50051', '::1'],
    ['https://api.example:443/x?token=hunter2', 'https://api.example:443/x', 'api.example'],
  ])('%s is read', (address, label, host) => {
    expect(grpcProber.target(address)).toEqual({ label, host });
  });

  it.each(['', 'a:0', 'grpc://a:1', 'user:hunter2@a:1', 'https://user:hunter2@a', 'a b:1'])(
    '%j is refused',
    (address) => {
      const read = grpcProber.target(address);
      expect('problem' in read ? read.problem : 'taken').toContain('expected host:port');
      expect(JSON.stringify(read)).not.toContain('hunter2');
    },
  );
});

it('separates the values that blackbox_exporter exposes without a check', () => {
  const unmeasured = probeOf(grpcProber).unmeasured?.([]) ?? [];
  expect(unmeasured.map(({ family, labels, value }) => [family.name, labels['phase'], value])).toEqual([
    ['probe_grpc_duration_seconds', 'resolve', 0],
    ['probe_grpc_ssl', undefined, 0],
    ['probe_grpc_status_code', undefined, 0],
  ]);
});
