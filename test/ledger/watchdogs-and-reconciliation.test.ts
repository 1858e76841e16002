import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AlertRules } from '../../src/ledger/ledger.ts';
import type { AlertmanagerResponse } from '../../src/alerts/reconciliation-types.ts';
import type { AlertmanagerSnapshot } from '../../src/ledger/alertmanager-snapshot.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock } from '../support/manual-clock.ts';

const MINUTE = 60_000;
const RULES: AlertRules = {
  toleranceMs: MINUTE,
  staleHoldMs: 6 * MINUTE,
  expireAfterMs: 24 * 60 * MINUTE,
  senders: {
    main: {
      ...{ staleWindowMs: 330_000, groupIntervalMs: 300_000, repeatMs: 600_000 },
      ...{ settleMs: 10 * MINUTE, warmUpMs: 5 * MINUTE },
    },
  },
  watchdogs: [{ name: 'prometheus', match: { alertname: 'Watchdog', prometheus: 'a' } }],
};

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

function open(rules = RULES): void {
  store = openTestStore(join(directory.path, 'tocsin.db'), { clock, rules });
}

const FINGERPRINT = { a: '000000000000000a', b: '000000000000000b', dog: '0000000000000d09' };
type Name = keyof typeof FINGERPRINT;

const alert = (name: Name, more: Record<string, unknown> = {}) =>
  webhookAlert(
    name === 'dog'
      ? { alertname: 'Watchdog', prometheus: 'a', severity: 'none' }
      : { alertname: 'Down', instance: name, severity: 'critical' },
    { fingerprint: FINGERPRINT[name], ...more },
  );
const RESOLVED = { status: 'resolved', endsAt: '2026-01-01T00:05:00Z' };
const deliver = (one: Record<string, unknown>, peer = 'http://a') =>
  deliverTo(store, webhookPayload([one], { externalURL: peer }), { receivedAt: clock.now() });

/** Up for a long time, with one receiver of ours. */
const answer = (alerts: unknown): AlertmanagerResponse => ({
  name: 'am-0',
  body: Buffer.from(typeof alerts === 'string' ? alerts : JSON.stringify(alerts)),
  receivers: { certain: ['tocsin'], possible: [] },
  startedAt: 0,
});
const LISTED = {
  fingerprint: 'ffffffffffffffff',
  labels: { alertname: 'Down' },
  startsAt: '2026-01-01T00:00:00Z',
  status: { state: 'active', silencedBy: [], inhibitedBy: [] },
};
const list = (
  alerts: readonly (readonly [Name, object?, string?])[],
  more: Partial<AlertmanagerSnapshot> = {},
) => {
  const body = alerts.map(([name, status = {}, startsAt = LISTED.startsAt]) => ({
    fingerprint: FINGERPRINT[name],
    startsAt,
    receivers: [{ name: 'tocsin' }],
    status: { state: 'active', silencedBy: [], inhibitedBy: [], ...status },
  }));
  return store.calls.reconcile({
    webhook: 'main',
    requestedAt: clock.now(),
    complete: true,
    responses: [answer(body)],
    ...more,
  });
};
const unacknowledged = () => store.summary().unacknowledged.map(({ instance }) => instance);
const transitions = async () => (await eventsOf(store)).map(({ type }) => type.replace('tocsin.alert.', ''));

describe('watchdogs in the ledger', () => {
  const sighting = () => store.summary().watchdogs[0];

  it('are seen with each delivery that reports them firing, and a restart remembers it', async () => {
    expect(sighting()).toEqual({ name: 'prometheus', lastSeenAt: undefined, firing: false });
    await deliver(alert('dog'));
    await clock.advance(MINUTE);
    await deliver(alert('dog'));
    const seen = { name: 'prometheus', lastSeenAt: clock.now(), firing: true };
    expect(sighting()).toEqual(seen);
    store.close();
    open();
    expect(sighting()).toEqual(seen);
    await clock.advance(MINUTE);
    await deliver(alert('dog', RESOLVED));
    expect(sighting()).toEqual({ ...seen, firing: false });
  });

  it('are not confused with other alerts', async () => {
    await deliver(alert('a'));
    await deliver(webhookAlert({ alertname: 'Watchdog', prometheus: 'b' }));
    expect(sighting()).toEqual({ name: 'prometheus', lastSeenAt: undefined, firing: false });
  });

  it('count as neither active nor unacknowledged, from the next configuration on', async () => {
    await deliver(alert('dog'));
    await deliver(alert('a'));
    expect(unacknowledged()).toEqual(['a']);
    expect(store.summary().open.filter(({ count }) => count > 0)).toEqual([
      { severity: 'critical', acknowledged: false, count: 1 },
    ]);
    await store.calls.configure({ ...RULES, watchdogs: [] });
    expect(store.summary().open.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    expect(store.summary().watchdogs).toEqual([]);
    await store.calls.configure(RULES);
    expect(sighting()).toMatchObject({ firing: true, lastSeenAt: clock.now() });
    expect(unacknowledged()).toEqual(['a']);
  });
});

describe('reconciliation in the ledger', () => {
  it('expires episodes that its Alertmanagers no longer have, once no report of the end can be under way', async () => {
    await deliver(alert('a'));
    await deliver(alert('b'));
    await clock.advance(MINUTE);
    expect(await list([['b']])).toMatchObject({ drift: { orphaned: 1 }, repaired: { expired: 0 } });
    await clock.advance(10 * MINUTE);
    expect(await list([['b']])).toMatchObject({ repaired: { expired: 1 } });
    expect(await transitions()).toEqual(['fired', 'fired', 'expired_unconfirmed']);
    const event = (await eventsOf(store)).at(-1);
    expect(JSON.parse(event?.data ?? '{}')).toMatchObject({ cause: 'absent', state: 'closed' });
    expect(unacknowledged()).toEqual(['b']);
    expect(await list([['b']])).toMatchObject({ drift: { orphaned: 0 } });
  });

  it('keeps episodes that are reported in between', async () => {
    await deliver(alert('a'));
    await clock.advance(MINUTE);
    await list([]);
    await clock.advance(10 * MINUTE);
    await deliver(alert('a'));
    await clock.advance(1);
    expect(await list([])).toMatchObject({ repaired: { expired: 0 } });
  });

  it('changes nothing without an answer from each, or with one that cannot be read', async () => {
    await deliver(alert('a'));
    for (const minutes of [1, 20]) {
      await clock.advance(minutes * MINUTE);
      await list([], { complete: false });
    }
    const responses = [answer('<html>')];
    expect(await list([], { responses })).toEqual({
      outcome: 'malformed',
      name: 'am-0',
      detail: expect.stringContaining('not a JSON array'),
    });
    expect(await transitions()).toEqual(['fired']);
  });

  const emptyFrom = (startedAt: number | undefined) =>
    list([], { responses: [{ ...answer([]), startedAt }] });

  it('concludes nothing from the empty list of an Alertmanager that has just started', async () => {
    await deliver(alert('a'));
    await clock.advance(MINUTE);
    await emptyFrom(0);
    const startedAt = clock.now();
    // absent for longer than `settle` already, but the latest absence is that of a restart
    for (let minute = 0; minute < 15; minute++) {
      await clock.advance(MINUTE);
      expect(await emptyFrom(startedAt)).toMatchObject({ repaired: { expired: 0 } });
    }
    expect(await emptyFrom(startedAt)).toMatchObject({ drift: { orphaned: 1 } });
    expect(await emptyFrom(undefined)).toMatchObject({ drift: { orphaned: 0 } });
    expect(await transitions()).toEqual(['fired']);
  });

  describe('reopens an expired episode that is listed,', () => {
    const acknowledgement = { by: 'ops', comment: 'mine', at: 0, expiresAt: undefined };
    const giveUp = async () => {
      await deliver(alert('a'));
      await store.calls.acknowledge({ id: '1', acknowledgement });
      await clock.advance(MINUTE);
      await list([]);
      await clock.advance(10 * MINUTE);
      await list([]);
      expect((await transitions()).at(-1)).toBe('expired_unconfirmed');
    };

    it('with its acknowledgement and its start', async () => {
      await giveUp();
      await clock.advance(MINUTE);
      expect(await list([['a']])).toMatchObject({ repaired: { reopened: 1 } });
      expect((await transitions()).at(-1)).toBe('reopened');
      expect(await store.calls.alert('1')).toMatchObject({
        ...{ state: 'open', acknowledged: true, acknowledgement: { by: 'ops', comment: 'mine' } },
        startsAt: '2026-01-01T00:00:00.123456789Z',
      });
      expect(await list([['a']])).toMatchObject({ repaired: { reopened: 0 } });
    });

    it('after a long time without reports, and keeps it open while it is listed', async () => {
      await deliver(alert('a'));
      await clock.advance(25 * 60 * MINUTE);
      await store.calls.append([]);
      expect((await transitions()).at(-1)).toBe('expired_unconfirmed');
      expect(await list([['a', { silencedBy: ['x'] }]])).toMatchObject({ repaired: { reopened: 1 } });
      expect(unacknowledged()).toEqual([]);
      for (let minute = 0; minute < 5; minute++) {
        await clock.advance(MINUTE);
        await list([['a', { silencedBy: ['x'] }]]);
      }
      expect((await transitions()).at(-1)).toBe('reopened');
    });

    it('but not when it started later: that is another life', async () => {
      await giveUp();
      const later = new Date(clock.now()).toISOString();
      await clock.advance(MINUTE);
      expect(await list([['a', {}, later]])).toMatchObject({ repaired: { reopened: 0 } });
    });

    it('but not when its end was reported', async () => {
      await deliver(alert('a'));
      await deliver(alert('a', RESOLVED));
      expect(await list([['a']])).toMatchObject({ repaired: { reopened: 0 } });
    });
  });

  it('knows by their deliveries which hidden receivers are ours, across a restart', async () => {
    const hidden = (receiver: string) => ({
      ...answer([{ ...LISTED, receivers: [{ name: receiver }] }]),
      receivers: { certain: [], possible: ['tocsin', 'pager'] },
    });
    const missing = async (receiver: string) => {
      await clock.advance(20 * MINUTE);
      const result = await list([], { responses: [hidden(receiver)] });
      return result.outcome === 'reconciled' ? [result.drift.missing, result.missing] : [];
    };
    await missing('pager');
    expect(await missing('pager')).toEqual([1, { alertnames: ['Down'], receivers: ['pager'] }]);
    await deliver(alert('a'));
    store.close();
    open();
    await missing('pager');
    expect((await missing('pager'))[0]).toBe(0);
    expect((await missing('tocsin'))[0]).toBe(1);
  });

  it('settles firings that are held as stale', async () => {
    for (const [fires, last] of [
      [true, 'reopened'],
      [false, 'stale_suspect'],
    ] as const) {
      const name = fires ? 'a' : 'b';
      await deliver(alert(name));
      await deliver(alert(name, RESOLVED));
      await deliver(alert(name), 'http://b');
      expect((await transitions()).at(-1)).toBe('stale_suspect');
      await clock.advance(1_000);
      const other = fires ? [] : ([['a']] as const);
      expect(await list(fires ? [['a']] : other)).toMatchObject({
        repaired: { confirmed: fires ? 1 : 0, refuted: fires ? 0 : 1 },
      });
      expect((await transitions()).at(-1)).toBe(last);
    }
  });

  it('does not count silenced or inhibited alerts as unacknowledged, and counts them again later; a restart remembers', async () => {
    await deliver(alert('a'));
    await deliver(alert('b'));
    await clock.advance(1_000);
    await list([
      ['a', { silencedBy: ['x'] }],
      ['b', { inhibitedBy: ['y'] }],
    ]);
    expect(unacknowledged()).toEqual([]);
    expect((await store.calls.alert('1'))?.suppressed).toBe('silenced');
    expect(store.summary().open.find(({ count }) => count > 0)?.count).toBe(2);
    store.close();
    open();
    expect(unacknowledged()).toEqual([]);
    await list([['a'], ['b', { inhibitedBy: ['y'] }]]);
    expect(unacknowledged()).toEqual(['a']);
    expect((await store.calls.alert('1'))?.suppressed).toBeUndefined();
  });

  it('counts silenced alerts again where no Alertmanager is asked any longer', async () => {
    await deliver(alert('a'));
    await list([['a', { silencedBy: ['x'] }]]);
    expect(unacknowledged()).toEqual([]);
    await store.calls.configure({
      ...RULES,
      senders: { main: { staleWindowMs: 0, groupIntervalMs: 300_000, repeatMs: 0 } },
    });
    await store.calls.append([]);
    expect(unacknowledged()).toEqual(['a']);
  });
});

describe('the statistics of alerts', () => {
  it('count the reasons of duplicates, flapping and durations', async () => {
    await deliver(alert('a'));
    await deliver(alert('a'));
    await clock.advance(2 * MINUTE);
    const acknowledgement = { by: 'ops', comment: '', at: clock.now(), expiresAt: undefined };
    await store.calls.acknowledge({ id: '1', acknowledgement });
    await deliver(alert('a', RESOLVED));
    await deliver(alert('a', RESOLVED));
    await clock.advance(8 * MINUTE);
    await deliver(alert('a', { startsAt: '2026-01-01T00:08:00Z' }));
    await deliver(alert('a', RESOLVED));
    const { totals } = store.summary();
    expect(totals.duplicates).toEqual({ repeat: 1, resolved: 1, late: 1, held: 0 });
    expect(totals.flaps).toBe(1);
    expect([totals.acknowledgeSeconds.sum, totals.acknowledgeSeconds.counts.at(-1)]).toEqual([120, 1]);
    expect(totals.acknowledgeSeconds.counts[0]).toBe(0);
    expect(totals.resolveSeconds.sum).toBeCloseTo(299.877, 2);
  });
});
