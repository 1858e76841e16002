import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { advance } from '../../src/alerts/episode-machine.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  sweep,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const COUNT = 1_500;

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let store: TestStore;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
  store = openTestStore(path);
});
afterEach(() => {
  store.close();
  directory.remove();
});

const alertOf = (i: number, more: Record<string, unknown> = {}) =>
  webhookAlert(
    { alertname: 'Storm', id: String(i), severity: 'warning' },
    { ...more, note: 'x'.repeat(300) },
  );
const storm = (more: Record<string, unknown> = {}, alerts: readonly Record<string, unknown>[] = []) =>
  webhookPayload([...Array.from({ length: COUNT }, (_, i) => alertOf(i, more)), ...alerts]);
const RESOLVED = { status: 'resolved', endsAt: '2026-01-01T00:05:00Z' };
const openCount = () => store.summary().open.reduce((sum, { count }) => sum + count, 0);

async function everyOffset(): Promise<readonly number[]> {
  return (await eventsOf(store)).map(({ offset }) => offset);
}

/** Waits until some of its slices are on disk. */
async function underWay(): Promise<void> {
  while (store.summary().commits < 4) await settle();
}

function reopen(more: Parameters<typeof openTestStore>[1] = {}): void {
  store.close();
  store = openTestStore(path, more);
}

describe('a large delivery', () => {
  it('is accepted like a small one: every alert once, with its neighbours, in the order of the body', async () => {
    const bad = { ...alertOf(COUNT), labels: { a: 1 } };
    expect(await deliverTo(store, storm({}, [bad, alertOf(COUNT + 1)]))).toMatchObject({
      outcome: 'partial',
      accepted: COUNT + 1,
      quarantined: 1,
      transitions: { fired: COUNT + 1 },
    });
    const events = await eventsOf(store);
    expect(events.map(({ offset }) => offset)).toEqual(events.map((_, i) => i + 1));
    expect(JSON.parse(events[7]?.data ?? '')).toMatchObject({ labels: { id: '7' }, episode: '8' });
    expect(openCount()).toBe(COUNT + 1);
    expect(await deliverTo(store, storm({}, [bad, alertOf(COUNT + 1)]))).toMatchObject({
      duplicates: COUNT + 1,
    });
    expect(await deliverTo(store, storm(RESOLVED))).toMatchObject({ transitions: { resolved: COUNT } });
    expect((await everyOffset()).length).toBe(2 * COUNT + 1);
    expect(await store.calls.alerts({ state: 'closed', limit: 10_000 })).toHaveLength(COUNT);
    expect(openCount()).toBe(1);
    const [first] = await eventsOf(store, { subject: events[0]?.subject ?? '', order: 'desc' });
    expect(first?.type).toBe('tocsin.alert.resolved');
  });

  it('becomes visible as a whole, while others are accepted in between', async () => {
    const seen = new Set<number>();
    const until = { done: false };
    const large = deliverTo(store, storm()).finally(() => (until.done = true));
    for (let i = 0; !until.done || i < 20; i++) {
      await deliverTo(store, webhookPayload([webhookAlert({ alertname: 'Other', id: String(i) })]));
      const types = await eventsOf(store);
      seen.add(types.filter(({ data }) => data.includes('"Storm"')).length);
      const episodes = await store.calls.alerts({ state: 'all', limit: 100_000 });
      seen.add(episodes.filter(({ labels }) => labels['alertname'] === 'Storm').length);
    }
    await large;
    expect(seen).toEqual(new Set([0, COUNT]));
    const offsets = await everyOffset();
    expect(offsets).toEqual(offsets.map((_, i) => i + 1));
  });

  it('delays deliveries about the same alerts', async () => {
    const large = deliverTo(store, storm());
    await underWay();
    const fingerprintOnly = deliverTo(store, webhookPayload([alertOf(COUNT - 1, RESOLVED)]));
    expect(await large).toMatchObject({ accepted: COUNT });
    expect(await fingerprintOnly).toMatchObject({ accepted: 1, transitions: { resolved: 1 } });
    expect(openCount()).toBe(COUNT - 1);
  });

  it('leaves nothing behind when the process ends before it is committed', async () => {
    const large = deliverTo(store, storm());
    large.catch(() => undefined);
    await underWay();
    reopen();
    await expect(large).rejects.toThrow('closing');
    expect(await everyOffset()).toEqual([]);
    expect(await store.calls.alerts({ state: 'all', limit: 10 })).toEqual([]);
    expect(await deliverTo(store, storm())).toMatchObject({ outcome: 'accepted', accepted: COUNT });
    expect(await store.calls.deliveries({ limit: 10 })).toHaveLength(1);
  });

  it('loses nothing to retention in the meantime', async () => {
    const clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'));
    reopen({ clock });
    const never = Number.MAX_SAFE_INTEGER;
    await store.calls.configure({ toleranceMs: 0, staleHoldMs: 0, expireAfterMs: never, senders: {} });
    const old = { receivedAt: Date.parse('2025-01-01T00:00:00Z') };
    await deliverTo(store, webhookPayload([alertOf(0)]), old);
    const { commits } = store.summary();
    const large = deliverTo(store, storm(), { receivedAt: clock.now() });
    while (store.summary().commits < commits + 4) await settle();
    // it repeats the old alert, of whose episode the only event is old enough to be removed
    const swept = sweep(clock);
    expect(await large).toMatchObject({ accepted: COUNT - 1, duplicates: 1 });
    await swept;
    await sweep(clock);
    expect((await everyOffset())[0]).toBe(2);
    const [first] = (await store.calls.alerts({ state: 'open', limit: 10_000 })).slice(-1);
    expect(first).toMatchObject({ id: '1', labels: { id: '0' } });
  });

  it('is complete after a restart when it was answered', async () => {
    await deliverTo(store, webhookPayload([alertOf(3)]));
    await deliverTo(store, storm(RESOLVED));
    // closed before its rows are in place
    reopen();
    const offsets = await everyOffset();
    expect(offsets).toEqual(Array.from({ length: COUNT + 1 }, (_, i) => i + 1));
    const subject = (await eventsOf(store, { limit: 1 }))[0]?.subject ?? '';
    const own = await eventsOf(store, { subject });
    expect(own.map(({ type }) => type)).toEqual(['tocsin.alert.fired', 'tocsin.alert.resolved']);
    expect(openCount()).toBe(0);
    expect(await deliverTo(store, storm(RESOLVED))).toMatchObject({ outcome: 'duplicate' });
  });

  it('loses only the alert that triggers a bug', async () => {
    const buggy: typeof advance = (current, alert, context) => {
      if (alert.labels['id'] === '700') throw new Error('a bug');
      return advance(current, alert, context);
    };
    reopen({ alertFunctions: { advance: buggy } });
    expect(await deliverTo(store, storm())).toMatchObject({ accepted: COUNT - 1, quarantined: 1 });
    expect((await everyOffset()).length).toBe(COUNT - 1);
  });

  it.each([
    ['invalid JSON', `{"alerts":[${'{},'.repeat(100_000)}]}`],
    ['a missing comma', `{"alerts":[${'{}'.repeat(150_000)}]}`],
    ['another payload', JSON.stringify({ text: 'x'.repeat(400_000) })],
    ['not an object', JSON.stringify(['x'.repeat(400_000)])],
  ])('is refused when it is %s', async (_what, body) => {
    expect(await deliverTo(store, body)).toMatchObject({ outcome: 'malformed' });
    expect(await everyOffset()).toEqual([]);
  });
});
