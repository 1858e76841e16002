import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventBus } from '../../src/events/event-bus.ts';
import { follow } from '../../src/events/follow.ts';
import { open as everyone } from '../../src/http/guard.ts';
import { measureRequests } from '../../src/http/middleware/measure.ts';
import type { HttpMeasurement } from '../../src/metrics/self/instruments.ts';
import { EventStreams } from '../../src/http/routes/event-stream.ts';
import { ConcurrencyLimiter } from '../../src/http/concurrency-limiter.ts';
import { SendBuffers } from '../../src/http/send-buffers.ts';
import { openStream, type OpenStream, type StreamOptions } from '../support/http/event-stream.ts';
import { serveHandlers, serverConfig, type HttpRig } from '../support/http/http-rig.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { MemoryLedger } from '../support/ledger/memory-ledger.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

let ledger: MemoryLedger;
let clock: ManualClock;
let streams: EventStreams;
let rig: HttpRig;
let measured: HttpMeasurement[];
let opened: number[];
let max: number;
let maxPerAddress: number;
const clients: OpenStream[] = [];

beforeEach(async () => {
  ledger = new MemoryLedger();
  clock = new ManualClock();
  measured = [];
  opened = [];
  max = 10;
  maxPerAddress = 10;
  const bus = new EventBus(ledger);
  streams = new EventStreams({
    follow: (query, signal) => follow({ ...query, bus, clock, signal }),
    head: () => bus.head,
    limiter: new ConcurrencyLimiter(() => ({ max, maxPerAddress, reserved: 0 })),
    clientOf: ({ socket }) => ({ address: socket.remoteAddress ?? '', authenticated: false }),
    sendBuffers: new SendBuffers(() => 64 * 2 ** 20),
    connections: { resetStalled: (socket) => socket.destroy() },
    guard: everyone,
    nextTurn: () => Promise.resolve(),
    heartbeatMs: () => 15_000,
    clock,
    logger: recordingLogger().logger,
    onOpen: (count) => opened.push(count),
  });
  rig = await serveHandlers(
    [measureRequests((one) => measured.push(one)), streams.router],
    serverConfig({ requestTimeoutMs: 3_000 }),
  );
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.kill();
  streams.close();
  await rig.close();
});

async function open(query = '', options: StreamOptions = {}): Promise<OpenStream> {
  const client = await openStream(`${rig.url}/api/v1/events/stream${query}`, options);
  clients.push(client);
  if (client.status === 200) await until(() => client.messages.length > 0);
  return client;
}
const idsOf = ({ messages }: OpenStream) =>
  messages.filter(({ data }) => data !== undefined).map(({ id }) => id);
const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => `e1-${from + i}`);

describe('GET /api/v1/events/stream', () => {
  it('sends events from now on, with the id to resume from', async () => {
    ledger.append(2);
    const client = await open();
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    });
    // nothing has been sent yet: a client that is cut off now can still resume
    expect(client.lastId()).toBe('e1-2');
    ledger.append(150);
    await until(() => idsOf(client).length === 150);
    expect(idsOf(client)).toEqual(ids(3, 152));
    expect(client.messages.at(-1)?.data).toBe(ledger.kept.at(-1)?.json);
    expect(client.messages.at(-1)?.event).toBe('message');
  });

  it.each([
    ['after', '?after=e1-3', {}],
    ['Last-Event-ID', '', { lastId: 'e1-3' }],
    ['Last-Event-ID rather than after', '?after=e1-1', { lastId: 'e1-3' }],
  ])('resumes from %s', async (_what, query, options) => {
    ledger.append(5);
    const client = await open(query, options);
    await until(() => idsOf(client).length === 2);
    expect(idsOf(client)).toEqual(['e1-4', 'e1-5']);
  });

  it('reports a gap first', async () => {
    ledger.append(9);
    ledger.prune(6);
    const client = await open('', { lastId: 'e1-2' });
    await until(() => idsOf(client).length === 4);
    const [gap, ...rest] = client.messages.filter(({ data }) => data !== undefined);
    expect(gap).toEqual({ event: 'gap', id: 'e1-6', data: '{"after":"e1-2","oldest":"e1-7"}' });
    expect(rest.map(({ id }) => id)).toEqual(ids(7, 9));
  });

  it('cannot be made to write lines chosen by its client', async () => {
    const client = await open(`?after=${encodeURIComponent('x\n\nid: evil\ndata: {}\n\n')}`);
    await until(() => client.messages.some(({ event }) => event === 'gap'));
    expect(client.messages.filter(({ id }) => id === 'evil')).toEqual([]);
  });

  it('filters like /events, and advances the id of the client by heartbeats', async () => {
    const client = await open('?type=tocsin.check.healthy&subject=api');
    ledger.append(3);
    ledger.append(1, { type: 'tocsin.check.healthy', subject: 'api' });
    await until(() => idsOf(client).length === 1);
    ledger.append(4);
    await until(async () => {
      await clock.advance(15_000);
      return client.lastId() === 'e1-8';
    });
    expect(idsOf(client)).toEqual(['e1-4']);
    const before = client.messages.length;
    await clock.advance(15_000);
    await until(() => client.messages.length > before);
    expect(client.messages.at(-1)).toEqual({ event: 'message' });
  });

  it('buffers at most a page for a client that does not read, and cuts it off', async () => {
    const slow = await open();
    const quick = await open();
    slow.pause();
    const count = 400;
    ledger.append(count, { data: { text: 'x'.repeat(100_000) } });
    await until(() => idsOf(quick).length === count);
    // as far as the sockets' buffers go; the quick one may be next to be cut off on a busy machine
    await until(() => opened.slice(2).includes(1));
    expect(idsOf(slow).length).toBeLessThan(count);
  });

  it('answers 503 beyond its limits', async () => {
    max = 1;
    const first = await open();
    const second = await open();
    expect([second.status, second.headers['retry-after']]).toEqual([503, '1']);
    [max, maxPerAddress] = [10, 1];
    expect((await open()).status).toBe(429);
    first.kill();
    await until(() => opened.at(-1) === 0);
    expect((await open()).status).toBe(200);
  });

  it('ends when Tocsin stops, and accepts no clients from then on', async () => {
    const client = await open();
    streams.close();
    await client.ended;
    expect((await open()).status).toBe(503);
  });

  it('is left out of the request metrics, unlike refused requests', async () => {
    const client = await open();
    streams.endAll();
    await client.ended;
    const head = await fetch(`${rig.url}/api/v1/events/stream`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    const wrong = await fetch(`${rig.url}/api/v1/events/stream?after=a&after=b`);
    expect(wrong.status).toBe(400);
    await until(() => measured.length > 0);
    expect(measured.map(({ status }) => status)).toEqual([400]);
  });

  it('survives a restart of the ledger', async () => {
    const client = await open();
    ledger.available = false;
    ledger.append(2);
    await until(async () => {
      await clock.advance(1_000);
      ledger.available = true;
      return idsOf(client).length === 2;
    });
    expect(idsOf(client)).toEqual(['e1-1', 'e1-2']);
  });
});
