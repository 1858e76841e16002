import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { NetworkSet } from '../../src/domain/network.ts';
import {
  rawScrape,
  startScrapeServer,
  type ScrapeServer,
  type ScrapeServerOptions,
} from '../support/scrape-server.ts';
import { until } from '../support/until.ts';

let running: ScrapeServer[] = [];
let sockets: Socket[] = [];

async function start(options?: ScrapeServerOptions): Promise<ScrapeServer> {
  const server = await startScrapeServer(options);
  running.push(server);
  return server;
}

/** A connection that has sent nothing, or what is given. */
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
  it('are capped: one more is closed at once, and other addresses do not notice', async () => {
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
  it('a newcomer displaces the longest idle one of the address that has the most', async () => {
    const server = await start({ config: { maxConnections: 5 } });
    const [alone] = await openMany(server, 1, '127.0.0.3');
    const crowd = await openMany(server, 4, '127.0.0.2');
    await openMany(server, 1, '127.0.0.4');
    await until(() => crowd[0]?.closed);
    expect([alone?.destroyed, server.connections.open, server.ended]).toEqual([false, 5, ['displaced']]);
  });

  it('one more of the crowd is refused', async () => {
    const server = await start({ config: { maxConnections: 5 } });
    await openMany(server, 5, '127.0.0.2');
    const another = await open(server, '127.0.0.2');
    await closed(another);
    expect([server.connections.open, server.ended]).toEqual([5, ['refused']]);
  });

  it('those that are being answered stay', async () => {
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

  it('some are still there for trusted networks, whose own are never displaced', async () => {
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
  const config = { headerTimeoutMs: 300, requestTimeoutMs: 400, keepAliveMs: 500 };
  const bounded = { timeoutMs: 10_000 };

  it('and sends nothing is cut off', async () => {
    const server = await start({ config });
    await openMany(server, 20);
    await until(() => ended(server, 'timeout') === 20, bounded);
    expect([server.connections.open, loud(server)]).toEqual([0, []]);
  });

  it('and sends its headers a byte at a time is cut off', async () => {
    const server = await start({ config });
    const socket = await open(server, '127.0.0.2', 'GET /metrics HTTP/1.1\r\nX: ');
    const timer = setInterval(() => socket.write('y'), 50);
    await until(() => ended(server, 'timeout') === 1, bounded);
    clearInterval(timer);
    expect([server.connections.open, server.counts.failed]).toEqual([0, 0]);
  });

  it.each([
    ['reads its answer', true],
    ['reads nothing', false],
  ])('%s, and asks nothing more, is let go; a scraper is not', async (_what, reads) => {
    const server = await start({ config: { ...config, keepAliveMs: 60_000 } });
    const socket = await ask(server, '127.0.0.2');
    if (reads) socket.resume();
    const scraper = await ask(server, '127.0.0.3', 'X-Prometheus-Scrape-Timeout-Seconds: 10\r\n');
    scraper.resume();
    await until(() => ended(server, 'used') === 1, bounded);
    await until(() => server.counts.served === 2);
    expect(server.connections.open).toBe(1);
  });

  const large = { series: 4_000, padding: 4_000 };

  it('and takes nothing of its answer is cut off', async () => {
    const server = await start({ ...large, config: { ...config, requestTimeoutMs: 60_000 } });
    await ask(server, '127.0.0.2', 'X-Prometheus-Scrape-Timeout-Seconds: 0.4\r\n');
    await until(() => ended(server, 'stalled') === 1, bounded);
    expect([server.counts.aborted, server.connections.open]).toEqual([1, 0]);
  });

  it('and holds the memory of an answer that has changed since is cut off when that becomes too much', async () => {
    const chunks = () => Array.from({ length: 300 }, () => Buffer.alloc(65_536, 120));
    const fresh = () => Promise.resolve({ chunks: chunks(), release: () => undefined });
    const server = await start({ scrape: fresh, maxUnsent: 50_000_000 });
    for (let i = 0; i < 4; i++) await ask(server, `127.0.0.${i + 2}`);
    await until(() => ended(server, 'stalled') === 2);
    await until(() => server.counts.aborted === 2);
    expect([server.connections.open, server.counts.failed, loud(server)]).toEqual([2, 0, []]);
  });

  it('and takes its answer steadily, but too slowly to be done in time, is cut off', async () => {
    const server = await start({ ...large, config });
    const socket = await ask(server, '127.0.0.2');
    const timer = setInterval(() => void socket.read(1_000), 10);
    await until(() => ended(server, 'stalled') === 1 && server.counts.aborted === 1, bounded);
    clearInterval(timer);
    expect(server.connections.open).toBe(0);
  });

  it('is not kept after it was turned away', async () => {
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
