import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServerConfig } from '../../src/config/types.ts';
import { NetworkSet } from '../../src/domain/network.ts';
import {
  rawScrape,
  startScrapeServer,
  type ScrapeServer,
  type ScrapeServerOptions,
} from '../support/http/scrape-server.ts';
import { serveHandlers, serverConfig } from '../support/http/http-rig.ts';
import { until } from '../support/until.ts';

let running: ScrapeServer[] = [];
let sockets: Socket[] = [];

async function start(options?: ScrapeServerOptions): Promise<ScrapeServer> {
  const server = await startScrapeServer(options);
  running.push(server);
  return server;
}

/** A connection that has sent nothing, or the given text. */
async function open(server: ScrapeServer, from = '127.0.0.2', text = ''): Promise<Socket> {
  const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: from });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.once('connect', resolve).once('close', () => resolve()));
  if (text !== '') socket.write(text);
  return socket;
}

async function openMany(server: ScrapeServer, count: number, from?: string): Promise<Socket[]> {
  const before = server.connections.open + server.ended.length;
  const opened: Socket[] = [];
  for (let i = 0; i < count; i++) opened.push(await open(server, from));
  await until(() => server.connections.open + server.ended.length === before + count);
  return opened;
}

async function ask(server: ScrapeServer, from: string, headers = ''): Promise<Socket> {
  const socket = await rawScrape({ port: server.port, from, headers });
  sockets.push(socket);
  return socket;
}

const closed = (socket: Socket) => until(() => socket.closed);
const ended = (server: ScrapeServer, outcome: string) =>
  server.ended.filter((each) => each === outcome).length;
const loud = (server: ScrapeServer) => server.lines.filter(({ level }) => level !== 'debug');

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await Promise.all(running.map((server) => server.close()));
  running = [];
});

describe('the connections of one address', () => {
  it('are capped: one more is closed at once, without effect on other addresses', async () => {
    const server = await start({ config: { maxConnectionsPerAddress: 3 } });
    const first = await openMany(server, 3);
    const fourth = await open(server);
    await closed(fourth);
    expect([server.connections.open, ended(server, 'limited')]).toEqual([3, 1]);
    await openMany(server, 3, '127.0.0.3');
    expect(server.connections.open).toBe(6);
    first[0]?.destroy();
    await until(() => server.connections.open === 5);
    await openMany(server, 1);
    expect([server.connections.open, ended(server, 'limited')]).toEqual([6, 1]);
    expect(loud(server)).toEqual([]);
  });

  it.each([
    ['a trusted network', { limits: { trusted: new NetworkSet(['127.0.0.2']) } }],
    ['a proxy', { config: { trustedProxies: new NetworkSet(['127.0.0.2']) } }],
  ])('are not capped for %s', async (_what, options) => {
    const server = await start({
      ...options,
      config: { maxConnectionsPerAddress: 3, ...('config' in options ? options.config : {}) },
    });
    await openMany(server, 10);
    expect([server.connections.open, server.ended]).toEqual([10, []]);
  });
});

describe('when all connections are taken', () => {
  it('displaces the longest idle one of the address that has the most', async () => {
    const server = await start({ config: { maxConnections: 5 } });
    const [alone] = await openMany(server, 1, '127.0.0.3');
    const crowd = await openMany(server, 4, '127.0.0.2');
    await openMany(server, 1, '127.0.0.4');
    await until(() => crowd[0]?.closed);
    expect([alone?.destroyed, server.connections.open, server.ended]).toEqual([false, 5, ['displaced']]);
  });

  it('refuses another from the crowded address', async () => {
    const server = await start({ config: { maxConnections: 5 } });
    await openMany(server, 5, '127.0.0.2');
    const another = await open(server, '127.0.0.2');
    await closed(another);
    expect([server.connections.open, server.ended]).toEqual([5, ['refused']]);
  });

  it('keeps those that are being answered', async () => {
    let collecting = 0;
    const hanging = {
      name: 'disk',
      collect: () => ((collecting += 1), new Promise<void>(() => undefined)),
      leaveOut: () => undefined,
    };
    const server = await start({ config: { maxConnections: 2 }, source: { collectors: [hanging] } });
    await ask(server, '127.0.0.2');
    await ask(server, '127.0.0.2');
    await until(() => collecting === 1 && server.gate.inFlight === 2);
    const newcomer = await open(server, '127.0.0.3');
    await closed(newcomer);
    expect([server.connections.open, server.ended]).toEqual([2, ['refused']]);
  });

  it('keeps some for trusted networks, whose own are never displaced', async () => {
    const trusted = new NetworkSet(['127.0.0.9']);
    const server = await start({ config: { maxConnections: 8 }, limits: { trusted } });
    await openMany(server, 1, '127.0.0.9');
    await openMany(server, 6, '127.0.0.2');
    expect(ended(server, 'refused')).toBe(1);
    await openMany(server, 6, '127.0.0.9');
    expect(ended(server, 'refused')).toBe(1);
    expect(ended(server, 'displaced')).toBe(4);
    await openMany(server, 2, '127.0.0.3');
    expect(server.connections.open).toBe(8);
  });
});

describe('a client that holds a connection', () => {
  const config = { headerTimeoutMs: 1_000, requestTimeoutMs: 1_400, keepAliveMs: 1_800 };

  it('is cut off when it sends nothing', async () => {
    const server = await start({ config });
    await openMany(server, 20);
    await until(() => ended(server, 'timeout') === 20);
    expect([server.connections.open, loud(server)]).toEqual([0, []]);
  });

  it('is cut off when it sends its headers a byte at a time', async () => {
    const server = await start({ config });
    const socket = await open(server, '127.0.0.2', 'GET /metrics HTTP/1.1\r\nX: ');
    const timer = setInterval(() => socket.write('y'), 50);
    await until(() => ended(server, 'timeout') === 1);
    clearInterval(timer);
    expect([server.connections.open, server.counts.failed]).toEqual([0, 0]);
  });

  it.each([
    ['read its response', true],
    ['read nothing', false],
  ])('is closed when it has %s and sends no more requests; a scraper is not', async (_what, reads) => {
    const server = await start({ config: { ...config, keepAliveMs: 60_000 } });
    const socket = await ask(server, '127.0.0.2');
    if (reads) socket.resume();
    const scraper = await ask(server, '127.0.0.3', 'X-Prometheus-Scrape-Timeout-Seconds: 10\r\n');
    scraper.resume();
    await until(() => ended(server, 'used') === 1);
    await until(() => server.counts.served === 2);
    expect(server.connections.open).toBe(1);
  });

  const large = { series: 4_000, padding: 4_000 };

  it('is cut off when it reads nothing of its response', async () => {
    const server = await start({ ...large, config: { ...config, requestTimeoutMs: 60_000 } });
    await ask(server, '127.0.0.2', 'X-Prometheus-Scrape-Timeout-Seconds: 0.4\r\n');
    await until(() => ended(server, 'stalled') === 1 && server.counts.aborted === 1);
    expect(server.connections.open).toBe(0);
  });

  it('is cut off when it holds too much memory of a response that has changed since', async () => {
    const chunks = () => Array.from({ length: 300 }, () => Buffer.alloc(65_536, 120));
    const fresh = () => Promise.resolve({ chunks: chunks(), release: () => undefined });
    const server = await start({ scrape: fresh, maxUnsent: 50_000_000 });
    for (let i = 0; i < 4; i++) await ask(server, `127.0.0.${i + 2}`);
    await until(() => ended(server, 'stalled') === 2);
    await until(() => server.counts.aborted === 2);
    expect([server.connections.open, server.counts.failed, loud(server)]).toEqual([2, 0, []]);
  });

  it('is cut off when it reads its response steadily, but too slowly to finish in time', async () => {
    const server = await start({ ...large, config });
    const socket = await ask(server, '127.0.0.2');
    const timer = setInterval(() => void socket.read(1_000), 10);
    await until(() => ended(server, 'stalled') === 1 && server.counts.aborted === 1);
    clearInterval(timer);
    expect(server.connections.open).toBe(0);
  });

  it('is closed after a refusal', async () => {
    const server = await start({ limits: { perSecond: 0.01, burst: 1 } });
    const first = await ask(server, '127.0.0.2');
    first.resume();
    await until(() => first.bytesRead > 0);
    const second = await ask(server, '127.0.0.2');
    second.resume();
    await closed(second);
    expect([server.counts.limited, server.connections.open]).toEqual([1, 1]);
  });
});

describe('a request that no route sees', () => {
  /** For what arrives too slowly; other requests have more time than any machine needs. */
  const hurried = { headerTimeoutMs: 300, requestTimeoutMs: 600 };
  const nonsense = ['HTTP/1.1 400 Bad Request', 'malformed'];

  /** The response to a text, and how the connection ended. */
  async function answer(
    text: string,
    config: Partial<ServerConfig>,
  ): Promise<{ head: string; body: unknown; outcome: string | undefined }> {
    const server = await start({ config });
    const socket = await open(server, '127.0.0.2', text);
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    await until(() => socket.readableEnded);
    socket.end();
    await until(() => server.ended.length === 1);
    expect([server.connections.open, loud(server)]).toEqual([0, []]);
    const [head = '', body = ''] = received.split('\r\n\r\n');
    expect(head).toContain('\r\nContent-Type: application/problem+json');
    expect(head).toContain(`\r\nContent-Length: ${body.length}\r\n`);
    return { head: head.split('\r\n')[0] ?? '', body: JSON.parse(body), outcome: server.ended[0] };
  }

  it.each([
    ['is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n', nonsense, 'This is not an HTTP/1.1 request'],
    ['is TLS', '\x16\x03\x01\x02\x00\x01', nonsense, 'not TLS'],
    [
      'has headers that are too large',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`,
      ['HTTP/1.1 431 Request Header Fields Too Large', 'malformed'],
      'larger than server.max_header_size',
    ],
    [
      'has headers that arrive too slowly',
      'GET / HTTP/1.1\r\nHost: ',
      ['HTTP/1.1 408 Request Timeout', 'timeout'],
      'server.header_timeout',
    ],
  ])('is answered when it %s', async (_what, text, status, detail) => {
    const { head, outcome, body } = await answer(text, status[1] === 'timeout' ? hurried : {});
    expect([head, outcome]).toEqual(status);
    expect(body).toMatchObject({ detail: expect.stringContaining(detail) });
  });

  it('is answered once, and a client that continues to send is cut off', async () => {
    const server = await start();
    const socket = await open(server, '127.0.0.2', 'nonsense\r\n\r\n');
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    const timer = setInterval(() => socket.write('more nonsense\r\n'), 20);
    await until(() => ended(server, 'malformed') === 1);
    clearInterval(timer);
    await closed(socket);
    expect(received.split('HTTP/1.1 400')).toHaveLength(2);
    expect([server.connections.open, server.ended.length]).toEqual([0, 1]);
  });

  it.each([
    [
      'of a request that comes before it',
      'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n',
      'nonsense\r\n\r\n',
      [200, 400],
    ],
    [
      'of the request whose body is broken',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      'nonsense\r\n',
      [404, 400],
    ],
  ])('does not corrupt the response %s', async (_what, first, then, statuses) => {
    const server = await start();
    const socket = await open(server, '127.0.0.2', first);
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    await until(() => received.includes('\r\n\r\n'));
    socket.write(then);
    await closed(socket);
    expect([...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))).toEqual(
      statuses,
    );
  });

  it('does not corrupt a response that is being sent', async () => {
    await using rig = await serveHandlers([
      (_request, response) => void response.writeHead(200, { 'content-length': 10 }).write('half'),
    ]);
    const socket = connect(rig.port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await until(() => received.endsWith('half'));
    socket.write('nonsense\r\n\r\n');
    await closed(socket);
    expect(received).toMatch(/half$/);
  });

  it.each([
    ['arrives too slowly', '', 408, hurried],
    ['is malformed', 'nonsense\r\n', 400, {}],
  ])('is answered when its body %s and its route still waits for it', async (_what, more, status, config) => {
    await using rig = await serveHandlers([() => undefined], serverConfig(config));
    const socket = connect(rig.port, '127.0.0.1');
    sockets.push(socket);
    let received = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${more}`);
    await closed(socket);
    expect(received).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  });
});

describe('every connection', () => {
  it('is counted once, by how it ended', async () => {
    const server = await start();
    const reset = await open(server);
    reset.resetAndDestroy();
    const inOrder = await open(server);
    inOrder.end();
    const inHeaders = await open(server, '127.0.0.2', 'GET /metr');
    inHeaders.end();
    await open(server, '127.0.0.2', 'SSH-2.0-OpenSSH_9.2\r\n');
    const asked = await ask(server, '127.0.0.2');
    asked.resume();
    await until(() => asked.bytesRead > 0);
    asked.resetAndDestroy();
    await until(() => server.ended.length === 5);
    expect([...server.ended].sort()).toEqual(['malformed', 'unused', 'unused', 'unused', 'used']);
    expect([server.connections.open, loud(server)]).toEqual([0, []]);
  });
});
