import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { EventType, NewEvent } from '../../src/domain/event.ts';
import type { EventSliceQuery, WireEvent } from '../../src/ledger/thread/protocol.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  sweep,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock } from '../support/manual-clock.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let clock: ManualClock;
let store: TestStore;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
  clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'));
  store = openTestStore(path, { clock });
});
afterEach(() => {
  store.close();
  directory.remove();
});

const event = (type: EventType, subject: string, time: number): NewEvent => ({
  type,
  subject,
  time,
  data: { time },
});
const epochOf = async (): Promise<string> => {
  const slice = await store.calls.events({ limit: 1 });
  if ('gone' in slice) throw new Error('gone');
  return slice.epoch;
};

const TYPES: EventType[] = [
  'tocsin.check.healthy',
  'tocsin.check.unhealthy',
  'tocsin.cluster.degraded',
  'tocsin.config.reloaded',
];

/** A history of checks and alerts, appended in this order. */
const anyStory = fc.array(
  fc.oneof(
    fc.record({ type: fc.constantFrom(...TYPES), subject: fc.constantFrom('api', 'db'), time: fc.nat(100) }),
    fc.record({
      alert: fc.constantFrom('A', 'B'),
      status: fc.constantFrom('firing', 'resolved'),
      start: fc.nat(9),
      time: fc.nat(100),
    }),
  ),
  { maxLength: 25 },
);
const anyQuery = (last: number, subjects: string[]) =>
  fc.record(
    {
      limit: fc.integer({ min: 1, max: 8 }),
      skip: fc.integer({ min: 0, max: last }),
      type: fc.constantFrom(
        ...TYPES,
        'tocsin.check.*',
        'tocsin.alert.*',
        'tocsin.alert.fired',
        'tocsin.*',
        'tocsin.none',
        'tocsin.chec.*',
      ),
      subject: fc.constantFrom('api', 'nobody', ...subjects),
      since: fc.nat(110),
      order: fc.constantFrom('asc' as const, 'desc' as const),
    },
    { requiredKeys: ['limit', 'skip'] },
  );

function naive(all: readonly WireEvent[], query: EventSliceQuery & { skip: number }): readonly WireEvent[] {
  const { type, subject, since, skip, order, limit } = query;
  const found = all.filter(
    (one) =>
      one.offset > skip &&
      (type === undefined ||
        (type.endsWith('.*') ? one.type.startsWith(type.slice(0, -1)) : one.type === type)) &&
      (subject === undefined || one.subject === subject) &&
      (since === undefined || one.time >= since),
  );
  return (order === 'desc' ? found.toReversed() : found).slice(0, limit);
}

describe('events', () => {
  it('return the same for a query as a scan of all events', async () => {
    await fc.assert(
      fc.asyncProperty(anyStory, fc.gen(), async (story, random) => {
        const own = temporaryDirectory();
        const one = openTestStore(join(own.path, 'x.db'), { clock });
        try {
          for (const step of story) {
            if ('type' in step) {
              await one.calls.append([event(step.type, step.subject, step.time)]);
            } else {
              const startsAt = `2026-01-01T0${step.start}:00:00Z`;
              const endsAt = `2026-01-01T0${step.start}:30:00Z`;
              await deliverTo(
                one,
                webhookPayload([
                  webhookAlert({ alertname: step.alert }, { status: step.status, startsAt, endsAt }),
                ]),
                { receivedAt: step.time },
              );
            }
          }
          const all = await eventsOf(one);
          expect(all.map(({ offset }) => offset)).toEqual(all.map((_, i) => i + 1));
          const slice = await one.calls.events({ limit: 1 });
          const epoch = 'gone' in slice ? '' : slice.epoch;
          const subjects = all.flatMap(({ subject }) => subject ?? []);
          for (let i = 0; i < 20; i++) {
            const query = random(anyQuery, all.length, subjects);
            expect(await eventsOf(one, { ...query, after: `${epoch}-${query.skip}` })).toEqual(
              naive(all, query),
            );
          }
        } finally {
          one.close();
          own.remove();
        }
      }),
      { numRuns: 25 },
    );
  });

  it('are all reached by pages, filtered or not, and so are later ones', async () => {
    const list = Array.from({ length: 25 }, (_, i) =>
      event(i % 5 === 0 ? 'tocsin.check.unhealthy' : 'tocsin.check.healthy', 'api', i),
    );
    await store.calls.append(list);
    const seen: number[] = [];
    let after = `${await epochOf()}-0`;
    for (let page = 0; page < 10; page++) {
      const slice = await store.calls.events({ limit: 2, type: 'tocsin.check.unhealthy', after });
      if ('gone' in slice) throw new Error('gone');
      seen.push(...slice.events.map(({ offset }) => offset));
      after = `${slice.epoch}-${slice.next}`;
    }
    expect(seen).toEqual([1, 6, 11, 16, 21]);
    expect(after).toBe(`${await epochOf()}-25`);
  });

  it('answer "gone" for unknown ids: another epoch, a future offset, an invalid id', async () => {
    await store.calls.append([event('tocsin.check.healthy', 'api', 1)]);
    const epoch = await epochOf();
    for (const after of ['000000000000-1', `${epoch}-2`, 'x', `${epoch}-`, '']) {
      expect(await store.calls.events({ limit: 1, after })).toEqual({ gone: true, oldest: `${epoch}-1` });
    }
    expect(await store.calls.events({ limit: 1, after: `${epoch}-1` })).toMatchObject({
      events: [],
      next: 1,
    });
  });
});

describe('retention', () => {
  const old = Date.parse('2025-01-01T00:00:00Z');

  it('removes old events in slices; offsets continue, even when no event is left', async () => {
    await store.calls.append(Array.from({ length: 1_200 }, () => event('tocsin.check.healthy', 'api', old)));
    await sweep(clock);
    const epoch = await epochOf();
    expect(await store.calls.events({ limit: 1, after: `${epoch}-1199` })).toEqual({ gone: true });
    expect(await eventsOf(store)).toEqual([]);
    store.close();
    store = openTestStore(path, { clock });
    await store.calls.append([event('tocsin.check.healthy', 'api', clock.now())]);
    expect((await eventsOf(store)).map(({ offset }) => offset)).toEqual([1_201]);
    expect(await store.calls.events({ limit: 1, after: `${epoch}-7` })).toEqual({
      gone: true,
      oldest: `${epoch}-1201`,
    });
  });

  it('stops at the first event that is recent enough', async () => {
    const young = clock.now() - 1_000;
    await store.calls.append([
      event('tocsin.check.healthy', 'a', old),
      event('tocsin.check.healthy', 'b', young),
      event('tocsin.check.healthy', 'c', old),
    ]);
    await sweep(clock);
    expect((await eventsOf(store)).map(({ subject }) => subject)).toEqual(['b', 'c']);
  });

  it('removes closed episodes and deliveries, and keeps open ones', async () => {
    const a = webhookAlert({ alertname: 'A' });
    const b = webhookAlert({ alertname: 'B' }, { status: 'resolved', endsAt: '2026-01-01T01:00:00Z' });
    // silent episodes do not expire here
    const never = Number.MAX_SAFE_INTEGER;
    await store.calls.configure({ toleranceMs: 0, staleHoldMs: 0, expireAfterMs: never, senders: {} });
    await deliverTo(store, webhookPayload([a, b]), { receivedAt: old });
    await sweep(clock);
    expect(await store.calls.alerts({ state: 'all', limit: 10 })).toMatchObject([
      { labels: { alertname: 'A' } },
    ]);
    expect(await store.calls.deliveries({ limit: 10 })).toEqual([]);
    const [, fired] = [
      await deliverTo(store, webhookPayload([b]), { receivedAt: clock.now() }),
      await eventsOf(store),
    ];
    expect(fired.map(({ offset }) => offset)).toEqual([3]);
    expect((await store.calls.alerts({ state: 'closed', limit: 1 }))[0]?.id).toBe('3');
  });

  it('keeps the data of the events of open episodes', async () => {
    const never = Number.MAX_SAFE_INTEGER;
    await store.calls.configure({ toleranceMs: 0, staleHoldMs: 0, expireAfterMs: never, senders: {} });
    const alerts = ['A', 'B'].map((alertname) => webhookAlert({ alertname, text: 'tab\tline\n"' }));
    await deliverTo(store, webhookPayload(alerts), { receivedAt: old });
    const before = await store.calls.alerts({ state: 'open', limit: 10 });
    await sweep(clock);
    expect(await eventsOf(store)).toEqual([]);
    expect(await store.calls.alerts({ state: 'open', limit: 10 })).toEqual(before);
    store.close();
    store = openTestStore(path, { clock });
    expect(await store.calls.alerts({ state: 'open', limit: 10 })).toEqual(before);
    // and they distinguish a repeat from a change
    expect(await deliverTo(store, webhookPayload(alerts))).toMatchObject({ accepted: 0, duplicates: 2 });
    await store.calls.acknowledge({
      id: before[0]?.id ?? '',
      acknowledgement: { by: 'ada', comment: '', at: clock.now(), expiresAt: undefined },
    });
    const [acknowledged] = await eventsOf(store);
    expect(JSON.parse(acknowledged?.data ?? '')).toMatchObject({ labels: before[0]?.labels });
  });

  it('keeps the newest bodies within their limit in bytes', async () => {
    store.close();
    store = openTestStore(path, { clock, limits: { bodyBytes: 2_000 } });
    for (let i = 0; i < 10; i++)
      await deliverTo(store, webhookPayload([webhookAlert({ alertname: `A${i}` })]), {
        receivedAt: clock.now(),
      });
    await sweep(clock);
    const kept = (await store.calls.deliveries({ limit: 20 })).length;
    expect(kept).toBe(10);
    const { default: Database } = await import('better-sqlite3');
    const reader = new Database(path, { readonly: true });
    const rows = reader
      .prepare<[], { delivery: number; size: number }>('SELECT delivery, length(body) AS size FROM bodies')
      .all();
    reader.close();
    expect(rows.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(2_500);
    expect(rows.at(-1)?.delivery).toBe(10);
    expect(rows.length).toBeGreaterThan(1);
  });
});
