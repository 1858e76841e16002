import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ScrapeCollector } from '../../src/exposition/render/collectors.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  rawScrape,
  startScrapeServer,
  type ScrapeServer,
  type ScrapeServerOptions,
} from '../support/http/scrape-server.ts';
import { until } from '../support/until.ts';

let running: ScrapeServer[] = [];
let sockets: Socket[] = [];

async function start(options?: ScrapeServerOptions): Promise<ScrapeServer> {
  const server = await startScrapeServer(options);
  running.push(server);
  return server;
}

async function scrape(
  server: ScrapeServer,
  options: { from?: string; headers?: string } = {},
): Promise<Socket> {
  const socket = await rawScrape({ port: server.port, ...options });
  sockets.push(socket);
  return socket;
}

/** Reads the first bytes of the response and disconnects. */
async function readALittle(socket: Socket): Promise<void> {
  const first = once(socket, 'readable');
  socket.read(0);
  await first;
  socket.resetAndDestroy();
}

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await Promise.all(running.map((server) => server.close()));
  running = [];
});

/** More than the kernel buffers for a connection whose other end does not read. */
const LARGE = { series: 4_000, padding: 4_000 };
const loud = (server: ScrapeServer) => server.lines.filter(({ level }) => level !== 'debug');

/** A collector that never ends unless it is aborted. */
function hanging(): ScrapeCollector & { readonly signals: AbortSignal[] } {
  const signals: AbortSignal[] = [];
  return {
    name: 'disk',
    signals,
    collect: (signal) => {
      signals.push(signal);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    },
    leaveOut: () => undefined,
  };
}

describe('a client that disconnects', () => {
  it.each(['reset', 'in order'])(
    'while its scrape is collected (%s) frees its place and stops the collectors',
    async (how) => {
      const disk = hanging();
      const server = await start({ source: { collectors: [disk] } });
      const socket = await scrape(server);
      await until(() => server.gate.inFlight === 1);
      if (how === 'reset') socket.resetAndDestroy();
      else socket.destroy();
      await until(() => server.counts.aborted === 1);
      expect(server.gate.inFlight).toBe(0);
      expect(disk.signals.map(({ aborted }) => aborted)).toEqual([true]);
      expect(loud(server)).toEqual([]);
    },
  );

  it('is counted once in the middle of a large response, and nothing is logged above debug', async () => {
    const server = await start({ ...LARGE });
    const socket = await scrape(server);
    await readALittle(socket);
    await until(() => server.counts.aborted === 1);
    expect(server.counts).toMatchObject({ served: 0, failed: 0 });
    await until(() => server.lines.length === 1);
    expect(server.lines).toEqual([
      {
        level: 'debug',
        message: 'clients were not served',
        counts: { 'scrape aborted sending': 1 },
        addresses: 1,
        busiest: { address: '127.0.0.1', times: 1 },
      },
    ]);
  });

  it('is not counted as served when the kernel had buffered the whole response but it read none', async () => {
    const server = await start({ series: 500, settleClock: new ManualClock() });
    const socket = await scrape(server);
    await readALittle(socket);
    await until(() => server.counts.aborted + server.counts.served === 1);
    expect(server.counts).toMatchObject({ aborted: 1, served: 0 });
  });

  it('is counted as served after it has read everything', async () => {
    const server = await start({ series: 500 });
    const response = await fetch(server.url, { headers: { connection: 'close' } });
    await response.text();
    await until(() => server.counts.served === 1);
    const kept = await scrape(server, { headers: 'Connection: keep-alive\r\n' });
    kept.resume();
    await until(() => server.counts.served === 2);
    expect(server.counts.aborted).toBe(0);
  });

  it('is counted as served once it asks again on its connection', async () => {
    const server = await start({ series: 10, settleClock: new ManualClock() });
    const socket = await scrape(server);
    socket.resume();
    await until(() => socket.bytesRead > 1_000);
    expect(server.counts.served).toBe(0);
    socket.write('GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n');
    await until(() => server.counts.served === 1);
  });
});

describe('a client that does not read', () => {
  it('is cut off and counted as aborted, after its place was freed', async () => {
    let rendered = 0;
    const source = { onRendered: () => void (rendered += 1) };
    const server = await start({ ...LARGE, limits: { maxInFlight: 1 }, source });
    await scrape(server, { headers: 'X-Prometheus-Scrape-Timeout-Seconds: 1\r\n' });
    await until(() => rendered === 1 && server.gate.inFlight === 0);
    const response = await fetch(server.url);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    await until(() => server.counts.aborted === 1);
    expect(loud(server)).toEqual([]);
  });

  it('cannot keep others out with 45 requests, or with endless requests without reading', async () => {
    const server = await start({ ...LARGE });
    const again = 'GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n'.repeat(5);
    const idle = await Promise.all(Array.from({ length: 45 }, () => scrape(server)));
    for (const socket of idle) socket.write(again);
    await until(async () => {
      const response = await fetch(server.url);
      await response.arrayBuffer();
      return response.status === 200;
    });
    for (const socket of idle) socket.destroy();
    await until(() => server.counts.aborted + server.counts.overloaded >= 45);
    expect(server.counts.failed).toBe(0);
    expect(loud(server)).toEqual([]);
  });
});

describe('a client that reads slowly', () => {
  it('gets everything, even if that takes longer than the time after which a stalled client is cut off', async () => {
    const server = await start({ ...LARGE });
    const stallMs = 2_000;
    const socket = await scrape(server, {
      headers: `X-Prometheus-Scrape-Timeout-Seconds: ${stallMs / 1_000}\r\nConnection: close\r\n`,
    });
    const startedAt = performance.now();
    const pieces = 250;
    const most = Math.ceil((LARGE.series * (LARGE.padding + 100)) / pieces);
    let read = 0;
    while (!socket.readableEnded) {
      // a small piece every 20 ms, and so at least twice the time: the sender sees progress, but rarely
      const piece = socket.read(Math.min(most, Math.max(1, socket.readableLength))) as Buffer | null;
      read += piece?.length ?? 0;
      await pause((2.5 * stallMs) / pieces);
    }
    expect(performance.now() - startedAt).toBeGreaterThan(2 * stallMs);
    expect(read).toBeGreaterThan(LARGE.series * LARGE.padding);
    await until(() => server.counts.served === 1);
    expect(server.counts.aborted).toBe(0);
  });
});

describe('a storm of clients', () => {
  const addresses = Array.from({ length: 200 }, (_, i) => `127.0.0.${i + 2}`);

  it.each([
    ['small', 50],
    ['large', 5_000],
  ])(
    'is counted, not logged, when they disconnect after the first bytes of a %s response',
    async (_size, padding) => {
      const settleClock = new ManualClock();
      const server = await start({ series: 600, padding, limits: { maxInFlight: 200 }, settleClock });
      await Promise.all(addresses.map(async (from) => readALittle(await scrape(server, { from }))));
      await until(() => server.counts.aborted === 200);
      expect(server.counts).toEqual({ served: 0, aborted: 200, limited: 0, overloaded: 0, failed: 0 });
      expect(loud(server)).toEqual([]);
      expect(server.gate.inFlight).toBe(0);
    },
  );

  it('is counted once per request under the usual limits, and a scraper is served', async () => {
    const settleClock = new ManualClock();
    const limits = { perSecond: 10, burst: 20, maxInFlight: 40 };
    const server = await start({ series: 5_000, limits, settleClock });
    await Promise.all(addresses.map(async (from) => readALittle(await scrape(server, { from }))));
    await until(() => server.counts.aborted + server.counts.overloaded === 200);
    const response = await fetch(server.url);
    expect(response.status).toBe(200);
    await response.arrayBuffer();
    await until(async () => {
      await settleClock.advance(1_000);
      return server.counts.served === 1;
    });
    expect(server.counts).toMatchObject({ failed: 0, limited: 0 });
    expect(server.counts.aborted + server.counts.overloaded).toBe(200);
    expect(server.counts.aborted).toBeGreaterThanOrEqual(40);
    expect(loud(server)).toEqual([]);
  });
});
