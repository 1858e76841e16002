import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { deliveryId } from '../../../../src/alerts/delivery-id.ts';
import { advance } from '../../../../src/alerts/episode-machine.ts';
import { LedgerUnavailableError } from '../../../../src/ledger/ledger.ts';
import { webhookAlert, webhookPayload } from '../../../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  rawDelivery,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../../../support/ledger/ledger.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let store: TestStore;
const opened: TestStore[] = [];

function open(more: Parameters<typeof openTestStore>[1] = {}): TestStore {
  const one = openTestStore(path, more);
  opened.push(one);
  return one;
}

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
  store = open();
});

afterEach(() => {
  for (const one of opened.splice(0)) one.close();
  directory.remove();
});

const a = webhookAlert({ alertname: 'A', severity: 'page', service: 'api', instance: 'h:1' });
const b = webhookAlert({ alertname: 'B' });
const resolved = { ...a, status: 'resolved', endsAt: '2026-01-01T00:00:30Z' };
const types = async () => (await eventsOf(store)).map(({ type }) => type);

/** Reads the database from outside the ledger, as a backup would. */
function rows(sql: string): unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

describe('a delivery', () => {
  it('is accepted and stored as events and as episodes', async () => {
    const result = await deliverTo(
      store,
      webhookPayload([a, b], {
        receiver: 'team\\.x',
        truncatedAlerts: 2,
        notification_reason: 'first notification',
      }),
    );
    expect(result).toEqual({
      outcome: 'accepted',
      accepted: 2,
      duplicates: 0,
      quarantined: 0,
      transitions: { fired: 2 },
      lagSeconds: [expect.closeTo(59.8765, 3), expect.closeTo(59.8765, 3)],
    });
    const [event] = await eventsOf(store);
    expect(event).toMatchObject({
      offset: 1,
      type: 'tocsin.alert.fired',
      time: Date.parse('2026-01-01T00:01:00Z'),
    });
    expect(JSON.parse(event?.data ?? '')).toEqual({
      transition: 'fired',
      episode: '1',
      ordinal: 1,
      state: 'open',
      webhook: 'main',
      fingerprint: event?.subject,
      severity: 'critical',
      receiver: 'team.x',
      group_key: '{}:{alertname="Test"}',
      truncated: 2,
      notification_reason: 'first notification',
      starts_at: '2026-01-01T00:00:00.123456789Z',
      received_at: '2026-01-01T00:01:00.000Z',
      acknowledged: false,
      generator_url: 'http://prometheus.example:9090/graph',
      labels: { alertname: 'A', severity: 'page', service: 'api', instance: 'h:1' },
      annotations: { summary: 'A fires' },
    });
    expect(await store.calls.alert('1')).toEqual({
      id: '1',
      unacknowledgedSince: Date.parse('2026-01-01T00:01:00Z'),
      webhook: 'main',
      fingerprint: event?.subject,
      state: 'open',
      labels: { alertname: 'A', severity: 'page', service: 'api', instance: 'h:1' },
      annotations: { summary: 'A fires' },
      severity: 'critical',
      startsAt: '2026-01-01T00:00:00.123456789Z',
      firstReceivedAt: Date.parse('2026-01-01T00:01:00Z'),
      lastReceivedAt: Date.parse('2026-01-01T00:01:00Z'),
      generatorUrl: 'http://prometheus.example:9090/graph',
      receiver: 'team.x',
      acknowledged: false,
      ordinal: 1,
    });
  });

  it('is a duplicate when it is repeated, and its body is kept once', async () => {
    await deliverTo(store, webhookPayload([a, b]));
    const again = await deliverTo(store, webhookPayload([b, a]), {
      receivedAt: Date.parse('2026-01-01T04:00:00Z'),
    });
    expect(again).toMatchObject({
      outcome: 'duplicate',
      accepted: 0,
      duplicates: 2,
      quarantined: 0,
      transitions: {},
    });
    expect(await types()).toHaveLength(2);
    expect(await store.calls.deliveries({ limit: 10 })).toMatchObject([
      { id: 2, accepted: 0, duplicates: 2, receivedAt: Date.parse('2026-01-01T04:00:00Z') },
      {
        id: 1,
        accepted: 2,
        duplicates: 0,
        source: '192.0.2.1',
        userAgent: 'Alertmanager/0.33.0',
        groupKey: '{}:{alertname="Test"}',
        status: 'firing',
        webhook: 'main',
      },
    ]);
    expect(rows('SELECT delivery, body FROM bodies')).toEqual([
      { delivery: 1, body: Buffer.from(JSON.stringify(webhookPayload([a, b]))) },
    ]);
    expect((await store.calls.alert('1'))?.lastReceivedAt).toBe(Date.parse('2026-01-01T04:00:00Z'));
  });

  it('has only its new alerts accepted', async () => {
    await deliverTo(store, webhookPayload([a]));
    expect(await deliverTo(store, webhookPayload([a, b]))).toMatchObject({
      outcome: 'accepted',
      accepted: 1,
      duplicates: 1,
    });
    expect(await deliverTo(store, webhookPayload([b]))).toMatchObject({
      outcome: 'accepted',
      accepted: 0,
      duplicates: 1,
    });
  });

  it('takes an alert through its life', async () => {
    for (const alert of [a, { ...a, annotations: { summary: 'worse' } }, resolved, a, resolved])
      await deliverTo(store, webhookPayload([alert]));
    expect(await types()).toEqual(
      ['fired', 'refreshed', 'resolved', 'reopened', 'resolved'].map((one) => `tocsin.alert.${one}`),
    );
    const next = { ...a, startsAt: '2026-01-01T01:00:00Z' };
    const later = { ...a, startsAt: '2026-01-01T02:00:00Z' };
    await deliverTo(store, webhookPayload([next]));
    await deliverTo(store, webhookPayload([later]));
    expect((await types()).slice(5)).toEqual(
      ['fired', 'implicit_resolve', 'fired'].map((one) => `tocsin.alert.${one}`),
    );
    const all = await store.calls.alerts({ state: 'all', limit: 10 });
    expect(all.map(({ id, state, endsAt }) => [id, state, endsAt])).toEqual([
      ['3', 'open', undefined],
      ['2', 'closed', '2026-01-01T02:00:00Z'],
      ['1', 'closed', '2026-01-01T00:00:30Z'],
    ]);
  });

  it('of one webhook does not affect the alerts of another', async () => {
    await deliverTo(store, webhookPayload([a]));
    expect(await deliverTo(store, webhookPayload([a]), { webhook: 'grafana' })).toMatchObject({
      accepted: 1,
    });
    expect(await store.calls.alerts({ state: 'open', limit: 10 })).toHaveLength(2);
  });

  it('is accepted without alerts', async () => {
    expect(await deliverTo(store, webhookPayload([]))).toMatchObject({
      outcome: 'accepted',
      accepted: 0,
      duplicates: 0,
      quarantined: 0,
    });
  });

  it('is partial with an invalid alert, which is in quarantine once', async () => {
    const bad = { ...b, labels: { alertname: 5 } };
    for (const outcome of [{ accepted: 1 }, { duplicates: 1 }]) {
      expect(await deliverTo(store, webhookPayload([bad, a]))).toMatchObject({
        outcome: 'partial',
        quarantined: 1,
        ...outcome,
      });
    }
    expect(rows('SELECT pointer, detail, seen, body FROM quarantine')).toEqual([
      {
        pointer: '/alerts/0/labels/alertname',
        detail: '5 was given; expected a string.',
        seen: 2,
        body: Buffer.from(JSON.stringify(bad)),
      },
    ]);
  });

  it('is rejected when it is malformed, and the first 64 KiB of it are kept', async () => {
    const body = Buffer.alloc(100_000, 'x');
    expect(await deliverTo(store, body)).toMatchObject({
      outcome: 'malformed',
      pointer: '',
      detail: expect.stringContaining('not JSON'),
    });
    await deliverTo(store, body);
    expect(rows('SELECT seen, size, length(body) AS kept FROM quarantine')).toEqual([
      { seen: 2, size: 65_536, kept: 65_536 },
    ]);
    expect(await store.calls.deliveries({ limit: 10 })).toEqual([]);
  });

  it('loses nothing across a restart', async () => {
    await deliverTo(store, webhookPayload([a, b]));
    const before = store.summary();
    store.close();
    opened.length = 0;
    store = open();
    expect(await deliverTo(store, webhookPayload([a, b]))).toMatchObject({ outcome: 'duplicate' });
    expect(store.summary()).toMatchObject({
      open: before.open,
      unacknowledged: before.unacknowledged,
      lastOffset: 2,
    });
  });
});

describe('quarantine', () => {
  it('is bounded: the oldest are dropped', async () => {
    store.close();
    opened.length = 0;
    store = open({ limits: { quarantine: { entries: 3, bytes: 1_000 } } });
    for (let i = 0; i < 5; i++) await deliverTo(store, `bad ${i}`, { receivedAt: i });
    expect(rows('SELECT CAST(body AS TEXT) AS body FROM quarantine ORDER BY id')).toEqual(
      [2, 3, 4].map((i) => ({ body: `bad ${i}` })),
    );
    await deliverTo(store, 'x'.repeat(995), { receivedAt: 9 });
    expect(rows('SELECT size FROM quarantine ORDER BY id')).toEqual([{ size: 5 }, { size: 995 }]);
  });
});

describe('a bug that one alert triggers', () => {
  const buggy: typeof advance = (current, alert, context) => {
    if (alert.labels['alertname'] === 'B') throw new Error('a bug');
    return advance(current, alert, context);
  };

  it('affects that alert alone: it goes to quarantine', async () => {
    store.close();
    opened.length = 0;
    store = open({ alertFunctions: { advance: buggy } });
    const both = [
      deliverTo(store, webhookPayload([a, b])),
      deliverTo(store, webhookPayload([webhookAlert({ alertname: 'C' })])),
    ];
    expect(await Promise.all(both)).toMatchObject([
      { outcome: 'partial', accepted: 1, quarantined: 1 },
      { outcome: 'accepted', accepted: 1 },
    ]);
    expect((await eventsOf(store)).map(({ offset }) => offset)).toEqual([1, 2]);
    expect(rows('SELECT detail FROM quarantine')).toEqual([
      { detail: 'The alert could not be recorded: a bug.' },
    ]);
    expect(store.summary().open).toEqual([
      { severity: 'critical', acknowledged: false, count: 1 },
      { severity: 'none', acknowledged: false, count: 1 },
    ]);
    expect(store.lines).toMatchObject([{ level: 'error', error: 'a bug' }]);
  });

  it('affects the delivery, not its group, when it is outside the alerts', async () => {
    store.close();
    opened.length = 0;
    const failing: typeof deliveryId = (webhook, delivery) => {
      if (delivery.receiver === 'bad') throw new Error('a bug');
      return deliveryId(webhook, delivery);
    };
    store = open({ alertFunctions: { deliveryId: failing } });
    const bad = deliverTo(store, webhookPayload([b], { receiver: 'bad' }));
    const good = deliverTo(store, webhookPayload([a]));
    await expect(bad).rejects.toThrow(LedgerUnavailableError);
    expect(await good).toMatchObject({ accepted: 1 });
    expect((await eventsOf(store)).map(({ offset }) => offset)).toEqual([1]);
    expect(await store.calls.alerts({ state: 'all', limit: 10 })).toHaveLength(1);
    expect(store.summary()).toMatchObject({ lastOffset: 1, commits: 1 });
  });
});

describe('a hundred mutated payloads', () => {
  const shapes: unknown[] = [
    webhookPayload([a, b]),
    webhookPayload([resolved], { notification_reason: 'all alerts resolved', routeLabels: {} }),
    webhookPayload([{ ...a, values: { B: 1 }, valueString: '[ var=B ]', silenceURL: '', imageURL: '' }], {
      version: '1',
      orgId: 1,
      state: 'alerting',
    }),
    webhookPayload([{ ...b, labels: { 'größe.in m²': '1' }, annotations: null }]),
  ];
  const replacements: unknown[] = [null, 0, -1.5, true, '', 'x', [], [null], {}, { a: { b: [] } }];

  /** Puts `value` at every place of a payload, one place at a time. */
  function mutate(shape: unknown, value: unknown): unknown[] {
    if (typeof shape !== 'object' || shape === null) return [value];
    const places = Object.entries(shape).flatMap(([key, inner]) =>
      mutate(inner, value).map((changed) =>
        Array.isArray(shape) ? shape.with(Number(key), changed) : { ...shape, [key]: changed },
      ),
    );
    return [value, ...places];
  }

  it('never throw, and account for every alert', async () => {
    const bodies = shapes.flatMap((shape) => replacements.flatMap((value) => mutate(shape, value)));
    expect(bodies.length).toBeGreaterThan(100);
    const results = await Promise.all(bodies.map((body) => deliverTo(store, body)));
    results.forEach((result, i) => {
      const body = bodies[i] as { alerts?: unknown } | null;
      const count = Array.isArray(body?.alerts) ? body.alerts.length : undefined;
      const reported =
        result.outcome === 'malformed' ? undefined : result.accepted + result.duplicates + result.quarantined;
      expect(reported).toBe(count);
    });
    expect(store.lines).toEqual([]);
    const offsets = (await eventsOf(store)).map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.map((_, i) => i + 1));
  });

  it('are malformed when a real body is truncated anywhere', async () => {
    const whole = JSON.stringify(webhookPayload([a]));
    for (let length = 0; length < whole.length; length += 7) {
      expect(await deliverTo(store, whole.slice(0, length))).toMatchObject({ outcome: 'malformed' });
    }
  });
});

it('are stored where a reader of the file finds them', async () => {
  await store.calls.intake(rawDelivery(webhookPayload([a])));
  store.close();
  opened.length = 0;
  expect(readFileSync(path).includes('"alertname":"A"')).toBe(true);
});
