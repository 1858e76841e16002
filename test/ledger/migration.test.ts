import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { APPLICATION_ID, MIGRATIONS } from '../../src/ledger/sqlite/database/schema.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import {
  eventsOf,
  openTestStore,
  deliverTo,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let store: TestStore | undefined;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
});
afterEach(() => {
  store?.close();
  store = undefined;
  directory.remove();
});

const START = Date.parse('2026-01-01T00:00:00Z');
const FINGERPRINT = '8000000000000001';
const NUMBER = BigInt.asIntN(64, 0x8000000000000001n);

/** The data of an alert's event in that schema. */
function alertData(more: Record<string, unknown>): string {
  return JSON.stringify({
    ...{ transition: 'fired', ordinal: 1, state: 'open', webhook: 'main', fingerprint: FINGERPRINT },
    ...{
      severity: 'critical',
      receiver: 'tocsin',
      values: { A: 1.5e-7 },
      generator_url: 'http://p/graph?a=1',
    },
    labels: { alertname: 'A', text: 'tab\tline\n"quoted"' },
    annotations: { summary: 'ünï' },
    ...more,
  });
}

/** A ledger of schema version 5: a check, an alert that ended and fired again, one whose events are gone. */
function writeVersion5(): void {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  for (const step of MIGRATIONS.slice(0, 5)) database.exec(step);
  database.pragma(`application_id = ${APPLICATION_ID}`);
  database.pragma('user_version = 5');
  database.exec("INSERT INTO meta VALUES ('epoch', 'abc'), ('events_pruned_through', 10)");
  const names = ['tocsin.check.unhealthy', 'tocsin.alert.fired', 'tocsin.alert.resolved', 'main'];
  for (const [i, name] of names.entries())
    database.prepare('INSERT INTO names VALUES (?, ?)').run(i + 1, name);
  const event = database.prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)');
  event.run(11, 1, START, START, null, 'api', '{"state":"unhealthy"}');
  event.run(12, 2, START, START, 0, FINGERPRINT, alertData({ episode: '1' }));
  const ended = { episode: '1', transition: 'resolved', state: 'closed', annotations: { summary: 'over' } };
  event.run(13, 3, START + 1, START + 1, 12, FINGERPRINT, alertData(ended));
  event.run(14, 2, START + 2, START + 2, 0, FINGERPRINT, alertData({ episode: '2' }));
  const episode = database.prepare(
    `INSERT INTO episodes (id, webhook, fingerprint, number, last_event, ordinal, open, severity, acknowledged, starts,
     anchor, ends, first_received, last_received, receiver, generator_url, labels, annotations, since)
     VALUES (?, 4, ?, ?, ?, 1, ?, 0, 0, ?, ?, ?, ?, ?, 'tocsin', 'http://p/graph?a=1', ?, ?, ?)`,
  );
  const [labels, over] = ['{"alertname":"A","text":"tab\\tline\\n\\"quoted\\""}', '{"summary":"over"}'];
  const ns = BigInt(START) * 1_000_000n;
  const ends = ns + 1_000_000n;
  episode.run(1, NUMBER, 1, 13, 0, ns, ns, ends, START, START + 1, labels, over, null);
  episode.run(
    2,
    NUMBER,
    2,
    14,
    1,
    ends + 1n,
    ends + 1n,
    null,
    START + 2,
    START + 2,
    labels,
    '{"summary":"ünï"}',
    START,
  );
  episode.run(
    3,
    7n,
    1,
    9,
    1,
    ns,
    ns,
    null,
    START,
    START + 1,
    '{"alertname":"Silent"}',
    '{"summary":"kept"}',
    START,
  );
  database.close();
}

describe('a ledger of schema 5', () => {
  it('keeps its events, their data and their order', async () => {
    writeVersion5();
    store = openTestStore(path);
    const events = await eventsOf(store);
    expect(events.map(({ offset, type, subject, time }) => [offset, type, subject, time])).toEqual([
      [11, 'tocsin.check.unhealthy', 'api', START],
      [12, 'tocsin.alert.fired', FINGERPRINT, START],
      [13, 'tocsin.alert.resolved', FINGERPRINT, START + 1],
      [14, 'tocsin.alert.fired', FINGERPRINT, START + 2],
    ]);
    expect(JSON.parse(events[0]?.data ?? '')).toEqual({ state: 'unhealthy' });
    expect(JSON.parse(events[1]?.data ?? '')).toEqual(JSON.parse(alertData({ episode: '1' })));
    expect(JSON.parse(events[2]?.data ?? '')).toMatchObject({ annotations: { summary: 'over' } });
    expect((await eventsOf(store, { subject: FINGERPRINT })).map(({ offset }) => offset)).toEqual([
      12, 13, 14,
    ]);
    expect((await eventsOf(store, { type: 'tocsin.alert.fired' })).map(({ offset }) => offset)).toEqual([
      12, 14,
    ]);
  });

  it('keeps its episodes, including those whose events are gone', async () => {
    writeVersion5();
    store = openTestStore(path);
    expect(await store.calls.alerts({ state: 'all', limit: 10 })).toMatchObject([
      { id: '3', labels: { alertname: 'Silent' }, annotations: { summary: 'kept' } },
      { id: '2', state: 'open', annotations: { summary: 'ünï' }, generatorUrl: 'http://p/graph?a=1' },
      { id: '1', state: 'closed', annotations: { summary: 'over' }, unacknowledgedSince: START },
    ]);
    const own = { fingerprint: FINGERPRINT, webhook: 'main', state: 'all' as const, limit: 10 };
    expect((await store.calls.alerts(own)).map(({ id }) => id)).toEqual(['2', '1']);
    expect(store.summary().open).toEqual([{ severity: 'critical', acknowledged: false, count: 2 }]);
  });

  it('continues the open episodes', async () => {
    writeVersion5();
    store = openTestStore(path);
    const labels = { alertname: 'A', text: 'tab\tline\n"quoted"' };
    const alert = webhookAlert(labels, {
      ...{ status: 'resolved', fingerprint: FINGERPRINT },
      ...{ startsAt: '2026-01-01T00:00:00.001000001Z', endsAt: '2026-01-01T01:00:00Z' },
    });
    expect(await deliverTo(store, webhookPayload([alert]))).toMatchObject({ transitions: { resolved: 1 } });
    const [last] = await eventsOf(store, { after: 'abc-14' });
    expect(last).toMatchObject({ offset: 15, type: 'tocsin.alert.resolved' });
    expect(JSON.parse(last?.data ?? '')).toMatchObject({ episode: '2', labels });
  });
});
