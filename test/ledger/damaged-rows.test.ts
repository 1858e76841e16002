import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { alertCursor } from '../../src/ledger/list-cursors.ts';
import type { AlertRules, Episode } from '../../src/ledger/ledger.ts';
import { EPISODE_SHAPE } from '../../src/ledger/sqlite/episodes/episode-row.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { damage, storedValue, type DamagedColumn } from '../support/ledger/damage.ts';
import {
  DAY_MS,
  eventsOf,
  openTestStore,
  sweep,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let clock: ManualClock;
let store: TestStore;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
  clock = new ManualClock();
  open();
});
afterEach(() => {
  store.close();
  directory.remove();
});

const RULES: AlertRules = {
  ...{ toleranceMs: 60_000, staleHoldMs: 360_000, expireAfterMs: DAY_MS },
  senders: { main: { staleWindowMs: 330_000, groupIntervalMs: 300_000, repeatMs: 600_000 } },
};

function open(): void {
  const retention = { eventsMs: 30 * DAY_MS, historyMs: 30 * DAY_MS };
  store = openTestStore(path, { clock, rules: RULES, retention });
}

/** The process ends, and starts again after this time. */
function later(ms: number): void {
  store.close();
  clock = new ManualClock(clock.now() + ms);
  open();
}

/** The process ends, columns are damaged, and it starts again. */
function restartWith(...columns: readonly DamagedColumn[]): void {
  store.close();
  damage(path, columns);
  open();
}

const named = (alertname: string, more: Record<string, unknown> = {}) =>
  webhookAlert({ alertname, severity: 'warning' }, more);
const deliver = (...alerts: Record<string, unknown>[]) =>
  deliverTo(store, webhookPayload(alerts), { receivedAt: clock.now() });
const list = (state: 'open' | 'closed' | 'all' = 'all', limit = 100) => store.calls.alerts({ state, limit });
const names = (episodes: readonly Episode[]) => episodes.map(({ labels }) => labels['alertname']);
const isOpen = () => Number(storedValue(path, 'SELECT count(*) FROM episodes WHERE open = 1'));
const errors = () => store.lines.filter(({ level }) => level === 'error');
const acknowledge = (id: string, expiresAt?: number) =>
  store.calls.acknowledge({
    id,
    acknowledgement: { by: 'ops', comment: '', at: clock.now(), expiresAt },
  });
async function advance(ms: number): Promise<void> {
  for (let rest = ms; rest > 0; rest -= 30_000) await clock.advance(Math.min(rest, 30_000));
  for (let i = 0; i < 20; i++) await settle();
}

describe('an episode that cannot be read', () => {
  it('is left out of lists and counts; it is logged and counted once', async () => {
    for (const name of ['A', 'B', 'C']) await deliver(named(name));
    restartWith({ table: 'segments', column: 'lines', where: 'first = 2', damage: 'cut' });
    expect(store.summary()).toMatchObject({
      open: [{ severity: 'warning', acknowledged: false, count: 2 }],
      unreadableRows: { episodes: 1 },
    });
    expect(names(await list())).toEqual(['C', 'A']);
    expect(names(await list('open'))).toEqual(['C', 'A']);
    expect(await store.calls.alert('2')).toBeUndefined();
    expect(await acknowledge('2')).toEqual({ outcome: 'unknown' });
    expect(store.summary().unreadableRows).toEqual({ episodes: 1 });
    expect(errors()).toMatchObject([
      { table: 'episodes', row: 2, error: expect.stringContaining('damaged') },
    ]);
  });

  it('does not shorten a page of a list: later rows fill it', async () => {
    for (const name of ['A', 'B', 'C', 'D', 'E', 'F']) await deliver(named(name));
    await deliver(
      ...['A', 'B', 'C'].map((name) => named(name, { status: 'resolved', endsAt: '2026-01-01T00:00:30Z' })),
    );
    restartWith({ table: 'episodes', column: 'since', where: 'id IN (2, 5, 6)' });
    const found: string[] = [];
    for (let after: string | undefined; ;) {
      const [one] = await store.calls.alerts({
        state: 'all',
        limit: 1,
        ...(after !== undefined && { after }),
      });
      if (one === undefined) break;
      found.push(String(one.labels['alertname']));
      after = alertCursor(one);
    }
    expect(found).toEqual(['D', 'C', 'A']);
  });

  it.each<Pick<DamagedColumn, 'table' | 'column' | 'damage'>>([
    { table: 'segments', column: 'lines', damage: 'cut' },
    { table: 'segments', column: 'lines', damage: 'bytes' },
    { table: 'episodes', column: 'texts', damage: 'garbled' },
    ...Object.keys(EPISODE_SHAPE)
      .filter((column) => !['id', 'webhook', 'fingerprint', 'texts'].includes(column))
      .map((column) => ({ table: 'episodes', column, damage: 'bytes' as const })),
  ])('continues with the next delivery of its alert: $table.$column, $damage', async (damaged) => {
    await deliver(named('A'), named('B'));
    const where = damaged.table === 'episodes' ? 'id = 1' : 'first = 1';
    restartWith({ ...damaged, where });
    expect(names(await list()).length).toBeLessThan(2);
    const again = await deliver(named('A'), named('B'));
    expect(again).toMatchObject({ quarantined: 0 });
    expect(isOpen()).toBe(2);
    expect(names(await list('open')).sort()).toEqual(['A', 'B']);
    expect(await store.calls.alert('1')).toMatchObject({
      labels: { alertname: 'A' },
      annotations: { summary: 'A fires' },
      startsAt: '2026-01-01T00:00:00.123456789Z',
    });
    expect(store.summary().open).toEqual([{ severity: 'warning', acknowledged: false, count: 2 }]);
    // again, as if nothing had happened
    expect(await deliver(named('A'), named('B'))).toMatchObject({ duplicates: 2, quarantined: 0 });
  });

  it('keeps its acknowledgement when it continues, and its damaged row is kept in quarantine', async () => {
    await deliver(named('A'));
    await acknowledge('1');
    restartWith({ table: 'segments', column: 'lines', damage: 'garbled' });
    await deliver(named('A'));
    expect(await list('open')).toMatchObject([
      { id: '1', acknowledged: true, acknowledgement: { by: 'ops' } },
    ]);
    const types = (await eventsOf(store, { after: await idOf(2) })).map(({ type }) => type);
    expect(types).toEqual(['tocsin.alert.refreshed']);
    const [entry] = await store.calls.quarantine({ limit: 10 });
    expect(entry).toMatchObject({ webhook: 'main', pointer: '/episodes/1' });
    expect(entry?.detail).toContain('The stored episode 1 could not be read (texts)');
    expect(JSON.parse(Buffer.from(entry?.body ?? []).toString())).toMatchObject({ id: '1', ack_by: 'ops' });
    // the damaged columns are unchanged
    expect(storedValue(path, 'SELECT lines FROM segments WHERE first = 1')).toBe('{"#');
  });

  it('continues in a large delivery too', async () => {
    await deliver(named('A'));
    restartWith({ table: 'episodes', column: 'closed_by' }, { table: 'episodes', column: 'starts' });
    const more = Array.from({ length: 900 }, (_, i) =>
      named('Many', { labels: { alertname: 'Many', i: String(i), x: 'x'.repeat(400) } }),
    );
    expect(await deliver(named('A'), ...more)).toMatchObject({ quarantined: 0 });
    expect((await list('open', 10_000)).length).toBe(901);
  });
});

const idOf = async (offset: number) => {
  const slice = await store.calls.events({ limit: 1 });
  if ('gone' in slice) throw new Error('gone');
  return `${slice.epoch}-${offset}`;
};

/** Commits that retention makes anyway in half a minute to two; one for each tick would be more. */
const FEW = 25;

describe('timers', () => {
  it('skip unreadable rows, without retrying them over and over', async () => {
    const many = Array.from({ length: 250 }, (_, i) => named(`A${i}`));
    await deliver(...many, named('Last'));
    for (let id = 1; id <= 251; id++) await acknowledge(String(id), clock.now() + 60_000 + id);
    restartWith({ table: 'episodes', column: 'ack_expires', where: 'id < 251' });
    await advance(120_000);
    expect(await store.calls.alert('251')).toMatchObject({ acknowledged: false });
    const { commits } = store.summary();
    await advance(30_000);
    expect(store.summary().commits - commits).toBeLessThan(FEW);
    expect(store.summary().unreadableRows).toEqual({ episodes: 250 });
  });

  it('remove a timer that does not match the episode', async () => {
    await deliver(named('A'));
    store.close();
    damage(path, [{ table: 'episodes', column: 'timer', damage: 'number' }]);
    open();
    await advance(5_000);
    const { commits } = store.summary();
    await advance(5_000);
    expect(store.summary().commits - commits).toBeLessThan(FEW);
  });

  it('close unreadable episodes that are no longer reported; the others get their event', async () => {
    await deliver(named('A'), named('B'), named('C'));
    restartWith(
      { table: 'episodes', column: 'starts', where: 'id = 1' },
      { table: 'episodes', column: 'last_received', where: 'id = 2' },
    );
    await advance(DAY_MS + 120_000);
    expect(isOpen()).toBe(0);
    expect(names(await list('closed'))).toEqual(['C']);
    expect((await eventsOf(store, { type: 'tocsin.alert.expired_unconfirmed' })).length).toBe(1);
    const { commits } = store.summary();
    await advance(120_000);
    expect(store.summary().commits - commits).toBeLessThan(FEW);
  });
});

describe('retention', () => {
  it.each(['lines', 'latest', 'last', 'time'])('removes segments whose %s cannot be read', async (column) => {
    for (let i = 0; i < 100; i++) await deliver(named(`A${i}`));
    const where = 'first % 3 = 1 AND first < 100';
    for (const how of ['cut', 'bytes', 'garbled'] as const) {
      store.close();
      damage(path, [{ table: 'segments', column, where, damage: how }]);
      open();
      expect((await eventsOf(store)).length).toBe(100);
    }
    later(31 * DAY_MS);
    await sweep(clock);
    await sweep(clock);
    await deliver(named('New'));
    const offsets = (await eventsOf(store)).map(({ offset }) => offset);
    expect(offsets).not.toContain(1);
    expect(offsets).not.toContain(99);
    expect(storedValue(path, 'SELECT count(*) FROM segments WHERE first < 101')).toBe(0);
    expect(storedValue(path, 'SELECT count(*) FROM segment_types WHERE first < 101')).toBe(0);
  });

  it('removes deliveries and episodes whose times cannot be read, and those after them', async () => {
    for (let i = 0; i < 10; i++) await deliver(named(`A${i}`));
    restartWith(
      { table: 'deliveries', column: 'received', where: 'id < 9' },
      { table: 'bodies', column: 'through', where: 'delivery < 9' },
      { table: 'episodes', column: 'fingerprint', where: 'id < 5' },
    );
    later(31 * DAY_MS);
    for (let i = 0; i < 3; i++) await sweep(clock);
    expect(storedValue(path, 'SELECT count(*) FROM deliveries')).toBe(0);
    expect(storedValue(path, 'SELECT count(*) FROM bodies')).toBe(0);
  });

  it('keeps the data of an event only until the next one: later changes are shown', async () => {
    await deliver(named('A'));
    later(31 * DAY_MS);
    await deliver(named('A'));
    await sweep(clock);
    expect(storedValue(path, 'SELECT texts IS NOT NULL FROM episodes')).toBe(1);
    await deliver(named('A', { annotations: { summary: 'new' } }));
    expect(await list('open')).toMatchObject([{ annotations: { summary: 'new' } }]);
    expect(await deliver(named('A', { annotations: { summary: 'new' } }))).toMatchObject({ duplicates: 1 });
  });
});
