import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { alertCursor, quarantineCursor } from '../../src/ledger/list-cursors.ts';
import { cloudEvent } from '../../src/ledger/cloud-event.ts';
import type { Episode, QuarantineEntry, StoredDelivery } from '../../src/ledger/ledger.ts';
import { UnreadableRows } from '../../src/ledger/unreadable-rows.ts';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { damage, type Damage, type DamagedColumn } from '../support/ledger/damage.ts';
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
let base: string;
const START = Date.parse('2026-01-01T00:00:00Z');
const ALERTS = ['A', 'B', 'C', 'D', 'E'];
const alertNamed = (alertname: string, more: Record<string, unknown> = {}) =>
  webhookAlert({ alertname, severity: alertname < 'C' ? 'critical' : 'warning' }, more);

beforeAll(async () => {
  directory = temporaryDirectory();
  base = join(directory.path, 'base.db');
  const store = openTestStore(base, { clock: new ManualClock(START) });
  await deliverTo(store, webhookPayload(ALERTS.map((name) => alertNamed(name))));
  await deliverTo(
    store,
    webhookPayload([alertNamed('A', { status: 'resolved', endsAt: '2026-01-01T00:00:30Z' })]),
  );
  await deliverTo(store, webhookPayload([alertNamed('B', { annotations: { summary: 'other' } })]));
  await deliverTo(store, 'not JSON');
  await deliverTo(store, 'not JSON either');
  await store.calls.append([
    { type: 'tocsin.check.unhealthy', subject: 'api', time: START, data: { reason: 'timeout' } },
    { type: 'tocsin.cluster.degraded', time: START, data: {} },
  ]);
  store.close();
});
afterAll(() => directory.remove());

/** Columns that may be damaged in any row: all but those that identify the row. */
const COLUMNS: readonly (readonly [table: string, key: string, columns: readonly string[]])[] = [
  ['segments', 'first', ['lines', 'time', 'latest', 'last', 'subject']],
  [
    'episodes',
    'id',
    [
      ...['number', 'ordinal', 'acknowledged', 'starts', 'anchor', 'last_event', 'first_received'],
      ...[
        'last_received',
        'since',
        'closed_at',
        'closed_by',
        'texts',
        'receiver',
        'timer',
        'ack_by',
        'former',
      ],
    ],
  ],
  ['deliveries', 'id', ['received', 'source', 'status', 'webhook', 'accepted', 'group_key']],
  ['quarantine', 'id', ['first_received', 'detail', 'body', 'seen']],
];
const DAMAGES: readonly Damage[] = ['cut', 'garbled', 'bytes', 'number'];

const anyDamage: fc.Arbitrary<Required<DamagedColumn>[]> = fc.array(
  fc.constantFrom(...COLUMNS).chain(([table, key, columns]) =>
    fc.record({
      table: fc.constant(table),
      column: fc.constantFrom(...columns),
      where: fc.integer({ min: 1, max: 9 }).map((id) => `${key} = ${id}`),
      damage: fc.constantFrom(...DAMAGES),
    }),
  ),
  { minLength: 1, maxLength: 6 },
);

interface Contents {
  readonly episodes: readonly Episode[];
  readonly events: readonly { readonly id: string }[];
  readonly deliveries: readonly StoredDelivery[];
  readonly quarantine: readonly QuarantineEntry[];
}

/** All rows of a list, a page of two at a time. */
async function paged<Row>(
  ask: (query: { limit: number; after?: string }) => readonly Row[] | Promise<readonly Row[]>,
  place: (row: Row) => string,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (let page = await ask({ limit: 2 }); ;) {
    rows.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < 2) return rows;
    page = await ask({ limit: 2, after: place(last) });
  }
}

async function contentsOf({ calls, ...store }: TestStore): Promise<Contents> {
  const unreadable = new UnreadableRows(silent);
  const events = await eventsOf({ calls, ...store });
  return {
    episodes: await paged((query) => calls.alerts({ state: 'all', ...query }), alertCursor),
    events: events.flatMap(
      (event) => unreadable.readOrSkip('segments', event.offset, () => cloudEvent(event, 'e', 'n')) ?? [],
    ),
    deliveries: await paged(calls.deliveries, ({ id }) => String(id)),
    quarantine: await paged(calls.quarantine, quarantineCursor),
  };
}

const nothing = () => undefined;
const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing };
let copies = 0;

function damagedCopy(columns: readonly DamagedColumn[]): TestStore & { readonly clock: ManualClock } {
  copies++;
  mkdirSync(join(directory.path, String(copies)));
  const path = join(directory.path, String(copies), 'tocsin.db');
  copyFileSync(base, path);
  damage(path, columns);
  const clock = new ManualClock(START + 120_000);
  return { ...openTestStore(path, { clock }), clock };
}

/** Whether a row is damaged itself; an episode also through the segment of its last event. */
function isTouched(columns: readonly Required<DamagedColumn>[], table: string, key: number): boolean {
  return columns.some((one) => one.table === table && one.where.endsWith(` ${key}`));
}

describe('any damage to any rows', () => {
  it('leaves every other row readable, accepts every delivery, and ends at the next one', async () => {
    const whole = damagedCopy([]);
    const all = await contentsOf(whole);
    whole.close();
    expect([all.episodes, all.events, all.deliveries, all.quarantine].map((rows) => rows.length)).toEqual([
      5, 9, 3, 2,
    ]);
    await fc.assert(
      fc.asyncProperty(anyDamage, async (columns) => {
        const store = damagedCopy(columns);
        try {
          const found = await contentsOf(store);
          const segmentsAreWhole = columns.every(({ table }) => table !== 'segments');
          for (const episode of all.episodes)
            if (segmentsAreWhole && !isTouched(columns, 'episodes', Number(episode.id)))
              expect(found.episodes).toContainEqual(episode);
          if (segmentsAreWhole) expect(found.events).toEqual(all.events);
          // the first segment has five events, the others have one each
          for (const event of all.events.slice(5))
            if (!isTouched(columns, 'segments', Number(event.id.slice(2))))
              expect(found.events).toContainEqual(event);
          for (const name of ['deliveries', 'quarantine'] as const)
            for (const row of all[name])
              if (!isTouched(columns, name, row.id)) expect(found[name]).toContainEqual(row);
          for (const { fingerprint } of all.episodes) await eventsOf(store, { subject: fingerprint });
          await store.clock.advance(2_000);
          await sweep(store.clock);
          const again = await deliverTo(store, webhookPayload(ALERTS.map((name) => alertNamed(name))), {
            receivedAt: store.clock.now(),
          });
          expect(again).toMatchObject({ quarantined: 0 });
          const open = await store.calls.alerts({ state: 'open', limit: 100 });
          // an ended one may be suspected to be late
          const sure = open.flatMap(({ labels }) => (labels['alertname'] === 'A' ? [] : labels['alertname']));
          expect(sure.sort()).toEqual(ALERTS.slice(1));
          expect(open.length - sure.length).toBeLessThan(2);
          expect(store.lines.filter(({ message }) => message.includes('bug'))).toEqual([]);
        } finally {
          store.close();
        }
      }),
      { numRuns: 40 },
    );
  });
});
