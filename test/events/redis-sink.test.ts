import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import type { CloudEvent } from '../../src/domain/event.ts';
import { systemClock } from '../../src/domain/clock.ts';
import { Secret } from '../../src/domain/secret.ts';
import { RedisSink, type RedisSinkOptions } from '../../src/events/sinks/redis.ts';
import { cloudEvent } from '../../src/ledger/cloud-event.ts';
import { startRedis, type RedisTestServer } from '../support/processes/redis.ts';
import { startTcp } from '../support/servers/tcp.ts';

const eventAt = (offset: number): CloudEvent => {
  const subject = offset % 2 === 0 ? 'f404ecabc8dd5cd7' : null;
  const data = JSON.stringify({ offset, text: 'Ünïcode ✓' });
  const stored = { offset, type: 'tocsin.alert.fired', subject, time: Date.UTC(2026, 0), data };
  return cloudEvent(stored, 'e1', 'test');
};
const events = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => eventAt(from + i));
const never = new AbortController().signal;

let server: RedisTestServer;
let reader: Redis;
let sinks: RedisSink[];
beforeAll(async () => {
  server = await startRedis({ password: 'hunter2', config: ['user tocsin on >sesame ~* +@all'] });
});
afterAll(() => server.close());
beforeEach(async () => {
  sinks = [];
  reader = new Redis({ port: server.port, password: 'hunter2', db: 1, protocol: 2 });
  await reader.flushall();
});
afterEach(async () => {
  for (const sink of sinks) await sink.close();
  reader.disconnect();
});

function create(more: Partial<RedisSinkOptions> = {}): RedisSink {
  const sink = new RedisSink({
    host: '127.0.0.1',
    port: server.port,
    db: 1,
    password: new Secret('hunter2'),
    stream: 'tocsin:events',
    maxLength: 100_000,
    timeoutMs: 5_000,
    clock: systemClock,
    ...more,
  });
  sinks.push(sink);
  return sink;
}

const idsIn = async () => (await reader.xrange('tocsin:events', '-', '+')).map(([, fields]) => fields[1]);

describe('a sink in Redis', () => {
  it('appends entries in order, with the fields that a reader selects by and the whole event', async () => {
    expect(await create().deliver(events(1, 2), never)).toEqual({ accepted: 2 });
    const entries = await reader.xrange('tocsin:events', '-', '+');
    expect(entries.map(([, fields]) => fields)).toEqual([
      ['id', 'e1-1', 'type', 'tocsin.alert.fired', 'time', eventAt(1).time, 'event', eventAt(1).json],
      [
        ...['id', 'e1-2', 'type', 'tocsin.alert.fired', 'subject', 'f404ecabc8dd5cd7'],
        ...['time', eventAt(2).time, 'event', eventAt(2).json],
      ],
    ]);
  });

  it('keeps about the configured number of entries', async () => {
    const sink = create({ maxLength: 500 });
    for (let from = 1; from < 2_000; from += 100) await sink.deliver(events(from, from + 99), never);
    const ids = await idsIn();
    expect(ids.length).toBeGreaterThanOrEqual(500);
    expect(ids.length).toBeLessThan(800);
    expect(ids.at(-1)).toBe('e1-2000');
  });

  it('logs in as a user', async () => {
    expect(
      await create({ username: 'tocsin', password: new Secret('sesame') }).deliver(events(1, 1), never),
    ).toEqual({
      accepted: 1,
    });
  });

  it('reports a refused login, without the credentials', async () => {
    const { accepted, failure } = await create({ password: new Secret('wrong') }).deliver(
      events(1, 1),
      never,
    );
    expect([accepted, failure]).toEqual([0, { reason: 'authentication failed (WRONGPASS)' }]);
  });

  it('stores all of a batch or nothing, and recovers on its own', async () => {
    const sink = create();
    await sink.deliver(events(1, 3), never);
    await reader.config('SET', 'maxmemory', '1');
    const { accepted, failure } = await sink.deliver(events(4, 9), never);
    expect([accepted, failure?.reason]).toEqual([0, expect.stringMatching(/OOM|EXECABORT/)]);
    await reader.config('SET', 'maxmemory', '0');
    expect(await idsIn()).toHaveLength(3);
    expect(await sink.deliver(events(4, 9), never)).toEqual({ accepted: 6 });
    expect(await idsIn()).toEqual(events(1, 9).map(({ id }) => id));
  });

  it('fails where the key is not a stream', async () => {
    await reader.set('tocsin:events', 'text');
    const { failure } = await create().deliver(events(1, 1), never);
    expect(failure?.reason).toMatch(/WRONGTYPE/);
  });

  it('reconnects after the connection was lost', async () => {
    const sink = create();
    await sink.deliver(events(1, 1), never);
    await reader.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const results = [await sink.deliver(events(2, 2), never), await sink.deliver(events(3, 3), never)];
    expect(results.at(-1)).toEqual({ accepted: 1 });
  });

  it('gives up on a server that does not answer, and on the signal', async () => {
    const silent = await startTcp(() => undefined);
    const to = { port: silent.port, password: new Secret('x') };
    expect(await create({ ...to, timeoutMs: 50 }).deliver(events(1, 1), never)).toEqual({
      accepted: 0,
      failure: { reason: 'no answer within 0.05 s' },
    });
    const cut = new AbortController();
    const cutOff = create(to).deliver(events(1, 1), cut.signal);
    cut.abort();
    expect((await cutOff).accepted).toBe(0);
    await silent.close();
  });

  it('reports a refused connection', async () => {
    const { failure } = await create({ port: 1 }).deliver(events(1, 1), never);
    expect(failure?.reason).toMatch(/ECONNREFUSED/);
  });
});

describe('a consumer group on the stream', () => {
  const STREAM = 'tocsin:events';
  type Reply = [stream: string, entries: [id: string, fields: string[]][]][] | null;

  it('shares the events among its consumers, and takes over from one that died', async () => {
    await reader.xgroup('CREATE', STREAM, 'workers', '0', 'MKSTREAM');
    const sink = create();
    await sink.deliver(events(1, 10), never);
    const read = async (consumer: string, count: number) => {
      const reply = (await reader.xreadgroup(
        'GROUP', 'workers', consumer, 'COUNT', count, 'STREAMS', STREAM, '>',
      )) as Reply; // prettier-ignore
      return reply?.[0]?.[1] ?? [];
    };
    const done: string[] = [];
    const work = async (entries: [string, string[]][]) => {
      for (const [entry, fields] of entries) {
        done.push(fields[1] ?? '');
        await reader.xack(STREAM, 'workers', entry);
      }
    };
    // the first takes four and dies before it has processed them
    expect(await read('first', 4)).toHaveLength(4);
    await work(await read('second', 100));
    const [, claimed] = (await reader.xautoclaim(STREAM, 'workers', 'second', 0, '0')) as [
      string,
      [string, string[]][],
    ];
    await work(claimed);
    expect(done.sort()).toEqual(
      events(1, 10)
        .map(({ id }) => id)
        .sort(),
    );
    expect(await read('second', 100)).toEqual([]);
  });
});
