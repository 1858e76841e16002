import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Acknowledgement } from '../../src/alerts/episode.ts';
import type { AlertRules } from '../../src/ledger/ledger.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let clock: ManualClock;
let store: TestStore;
beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock();
  open();
});
afterEach(() => {
  store.close();
  directory.remove();
});

const SENDER = { staleWindowMs: 330_000, groupIntervalMs: 300_000, repeatMs: 600_000 };
const RULES: AlertRules = {
  ...{ toleranceMs: 60_000, staleHoldMs: 360_000, expireAfterMs: 3_600_000 },
  senders: { main: SENDER },
};

function open(): void {
  store = openTestStore(join(directory.path, 'tocsin.db'), { clock, rules: RULES });
}

function restart(): void {
  store.close();
  open();
}

const alert = (more: Record<string, unknown> = {}, labels: Record<string, string> = {}) =>
  webhookAlert({ alertname: 'A', severity: 'warning', ...labels }, more);
const RESOLVED = { status: 'resolved', endsAt: '2026-01-01T00:05:00Z' };
const deliver = (one = alert(), peer = 'http://a') =>
  deliverTo(store, webhookPayload([one], { externalURL: peer }), { receivedAt: clock.now() });
const by = (more: Partial<Acknowledgement> = {}): Acknowledgement => ({
  by: 'ops',
  comment: 'on it',
  at: clock.now(),
  expiresAt: undefined,
  ...more,
});
const acknowledge = async (more: Partial<Acknowledgement> = {}) =>
  store.calls.acknowledge({ id: '1', acknowledgement: by(more) });
const transitions = async () => (await eventsOf(store)).map(({ type }) => type.replace('tocsin.alert.', ''));
const summary = () => store.summary().open.filter(({ count }) => count > 0);
async function advance(ms: number): Promise<void> {
  for (let rest = ms; rest > 0; rest -= 30_000) await clock.advance(Math.min(rest, 30_000));
  for (let i = 0; i < 10; i++) await settle();
}

describe('an acknowledgement', () => {
  it('is recorded as an event, survives repeats and a restart, and ends with the episode', async () => {
    await deliver();
    expect(await acknowledge()).toMatchObject({
      outcome: 'changed',
      episode: { acknowledged: true, acknowledgement: { by: 'ops', comment: 'on it' } },
    });
    expect(await acknowledge()).toMatchObject({ outcome: 'unchanged' });
    expect(summary()).toEqual([{ severity: 'warning', acknowledged: true, count: 1 }]);
    restart();
    await deliver();
    await deliver(alert({ annotations: { v: '2' } }));
    expect(summary()).toEqual([{ severity: 'warning', acknowledged: true, count: 1 }]);
    expect(store.summary().unacknowledged).toEqual([]);
    await deliver(alert(RESOLVED));
    expect(await acknowledge()).toMatchObject({ outcome: 'closed' });
    expect(await transitions()).toEqual(['fired', 'acknowledged', 'refreshed', 'resolved']);
    const [, event] = await eventsOf(store);
    expect(JSON.parse(event?.data ?? '')).toMatchObject({ acknowledged_by: 'ops', comment: 'on it' });
    expect(await store.calls.acknowledge({ id: '99', acknowledgement: by() })).toEqual({
      outcome: 'unknown',
    });
  });

  it('expires, and the time without one starts again', async () => {
    await deliver();
    await acknowledge({ expiresAt: clock.now() + 90_000 });
    restart();
    await advance(60_000);
    expect(store.summary().unacknowledged).toEqual([]);
    await advance(32_000);
    expect(await transitions()).toEqual(['fired', 'acknowledged', 'ack_expired']);
    const [series] = store.summary().unacknowledged;
    expect(series?.since).toBeGreaterThanOrEqual(Date.parse('2026-01-01T00:01:30Z'));
    expect(store.summary().transitions).toMatchObject({ ack_expired: 1 });
  });

  it('can be withdrawn, which starts the time again', async () => {
    await deliver();
    await acknowledge();
    await advance(5_000);
    expect(await store.calls.unacknowledge({ id: '1', at: clock.now() })).toMatchObject({
      outcome: 'changed',
    });
    expect(store.summary().unacknowledged).toMatchObject([{ since: clock.now() }]);
    expect(await store.calls.unacknowledge({ id: '1', at: 9 })).toMatchObject({ outcome: 'unchanged' });
  });

  it('is carried over an implicit resolve, and is dropped when the alert gets worse', async () => {
    await deliver();
    await acknowledge();
    await deliver(alert({ startsAt: '2026-01-01T00:10:00Z' }));
    expect(await store.calls.alert('2')).toMatchObject({ acknowledged: true });
    // severity is a label and changes the fingerprint unless the sender keeps it
    const [open] = await store.calls.alerts({ state: 'open', limit: 1 });
    const fingerprint = open?.fingerprint ?? '';
    await deliver(alert({ fingerprint, startsAt: '2026-01-01T00:10:00Z' }, { severity: 'critical' }));
    expect(await transitions()).toEqual([
      'fired',
      'acknowledged',
      'implicit_resolve',
      'fired',
      'refreshed',
      'unacknowledged',
    ]);
    expect(summary()).toEqual([{ severity: 'critical', acknowledged: false, count: 1 }]);
  });
});

describe('a firing that may be late', () => {
  beforeEach(async () => {
    await deliver();
    await deliver(alert(RESOLVED));
    await advance(10_000);
    await deliver(alert(), 'http://b');
  });

  it('is held, and refuted by the resolve of the same peer', async () => {
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect']);
    await deliver(alert(), 'http://b');
    await deliver(alert(RESOLVED), 'http://b');
    await advance(400_000);
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect']);
    expect(summary()).toEqual([]);
  });

  it('counts when no one refuted it in time, across a restart', async () => {
    restart();
    await advance(350_000);
    expect(summary()).toEqual([]);
    await advance(12_000);
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect', 'reopened']);
    expect(summary()).toEqual([{ severity: 'warning', acknowledged: false, count: 1 }]);
  });

  it('counts at once when the peer that reported the end reports it too', async () => {
    await deliver(alert(), 'http://a');
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect', 'reopened']);
  });

  it.each([
    ['fires', { startsAt: '2026-01-01T00:06:00Z' }],
    ['has ended', { status: 'resolved', startsAt: '2026-01-01T00:06:00Z', endsAt: '2026-01-01T00:07:00Z' }],
  ])('is dropped once a later life %s', async (_what, life) => {
    await deliver(alert(life));
    const open = summary();
    const before = await transitions();
    expect(await store.calls.alert('1')).toMatchObject({ state: 'closed' });
    expect(await store.calls.alert('1')).not.toHaveProperty('suspectUntil');
    await advance(400_000);
    expect(await transitions()).toEqual(before);
    expect(summary()).toEqual(open);
  });

  it('is settled by the list of the sender', async () => {
    await store.calls.configure({ ...RULES, senders: { main: { ...SENDER, settleMs: 600_000 } } });
    await advance(1_000);
    const responses = [
      { name: 'am', body: Buffer.from('[]'), receivers: { certain: [], possible: [] }, startedAt: 0 },
    ];
    await store.calls.reconcile({ webhook: 'main', requestedAt: clock.now(), complete: true, responses });
    await advance(400_000);
    expect(summary()).toEqual([]);
    await deliver(alert(), 'http://b');
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect', 'reopened']);
  });
});

describe('a firing of one Alertmanager', () => {
  const notify = (one: Record<string, unknown>, more: Record<string, unknown>) =>
    deliverTo(store, webhookPayload([one], more), { receivedAt: clock.now() });
  beforeEach(async () => {
    await store.calls.configure({ ...RULES, senders: { main: { ...SENDER, single: true } } });
    await notify(alert(), { receiver: 'pager' });
    await notify(alert(RESOLVED), { receiver: 'pager' });
    await advance(10_000);
  });

  it('may be late from another receiver, which retries on its own', async () => {
    await notify(alert(), { receiver: 'archive' });
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect']);
    await notify(alert(RESOLVED), { receiver: 'archive' });
    await advance(400_000);
    expect(await transitions()).toEqual(['fired', 'resolved', 'stale_suspect']);
  });

  it('counts at once from the receiver that reported the end, whatever address it has now', async () => {
    await notify(alert(), { receiver: 'pager', externalURL: 'http://renamed:9093' });
    expect(await transitions()).toEqual(['fired', 'resolved', 'reopened']);
  });
});

describe('an episode without reports', () => {
  it('expires after the longer of the two times, and reopens when it is reported again', async () => {
    await deliver();
    await advance(3_000_000);
    await deliver();
    await advance(3_500_000);
    expect(await transitions()).toEqual(['fired']);
    await advance(200_000);
    expect(await transitions()).toEqual(['fired', 'expired_unconfirmed']);
    expect(await store.calls.alert('1')).toMatchObject({ state: 'closed', endsAt: '2026-01-01T00:50:00Z' });
    await deliver();
    expect(await transitions()).toEqual(['fired', 'expired_unconfirmed', 'reopened']);
  });
});
