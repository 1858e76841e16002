import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import type { RunRecord } from '../../src/ledger/ledger.ts';
import { StringTable } from '../../src/ledger/sqlite/database/string-table.ts';
import { RunStore } from '../../src/ledger/sqlite/runs/run-store.ts';
import {
  DAY_MS,
  HOUR_MS,
  openTestStore,
  sweep,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock } from '../support/manual-clock.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let clock: ManualClock;
let store: TestStore;

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'));
  store = openTestStore(join(directory.path, 'tocsin.db'), { clock });
});
afterEach(() => {
  store.close();
  directory.remove();
});

const run = (
  at: number,
  status: RunRecord['status'],
  durationSeconds = 1,
  more: Partial<RunRecord> = {},
): RunRecord => ({
  service: 'api',
  target: 'a',
  at,
  status,
  durationSeconds,
  ...more,
});

describe('history', () => {
  it('sums the runs of all targets by step; the mean is over successes', async () => {
    const at = clock.now();
    await store.calls.recordRuns([
      run(at, 'success', 1),
      run(at, 'success', 3, { target: 'b' }),
      run(at + 10_000, 'failure', 9, { reason: 'timeout' }),
      run(at + 60_000, 'unknown', 5, { reason: 'agent_overload' }),
      run(at, 'success', 7, { service: 'db' }),
    ]);
    const query = { service: 'api', from: at, to: at + HOUR_MS, stepMs: 60_000 };
    expect(await store.calls.history(query)).toEqual([
      { at, success: 2, failure: 1, unknown: 0, meanDurationSeconds: 2 },
      { at: at + 60_000, success: 0, failure: 0, unknown: 1 },
    ]);
    expect(await store.calls.history({ ...query, to: at + 60_000 })).toHaveLength(1);
    expect(await store.calls.history({ ...query, service: 'nobody' })).toEqual([]);
  });

  it('gives the same from roll-ups and single runs where steps are whole roll-ups', async () => {
    const start = clock.now();
    const anyRun = fc
      .tuple(fc.nat(11), fc.nat(299), fc.constantFrom('success', 'failure', 'unknown'))
      .map(([bucket, second, status]) => run(start + bucket * 300_000 + second * 1_000, status, second));
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyRun, { selector: ({ at }) => at, maxLength: 30 }), async (runs) => {
        const service = `s${Math.random()}`;
        await store.calls.recordRuns(runs.map((one) => ({ ...one, service })));
        await store.calls.recordRuns(runs.map((one) => ({ ...one, service })));
        const query = { service, from: start, to: start + HOUR_MS };
        const coarse = await store.calls.history({ ...query, stepMs: 600_000 });
        const fine = await store.calls.history({ ...query, stepMs: 200_000 });
        for (const status of ['success', 'failure', 'unknown'] as const) {
          const total = runs.filter((one) => one.status === status).length;
          expect(coarse.reduce((sum, point) => sum + point[status], 0)).toBe(total);
          expect(fine.reduce((sum, point) => sum + point[status], 0)).toBe(total);
        }
        for (const point of coarse) {
          const inStep = runs.filter(
            ({ at, status }) => status === 'success' && at >= point.at && at < point.at + 600_000,
          );
          const mean = inStep.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0) / inStep.length;
          if (inStep.length === 0) expect(point.meanDurationSeconds).toBeUndefined();
          else expect(point.meanDurationSeconds).toBeCloseTo(mean, 9);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('keeps single runs for two days, five-minute sums as long as history, and hourly sums as long as events', async () => {
    const now = clock.now();
    const days = [1, 3, 29, 31, 399, 401].map((day) => run(now - day * DAY_MS + 60_000, 'success'));
    await store.calls.recordRuns(days);
    await sweep(clock);
    const points = async (stepMs: number, from = now - 500 * DAY_MS) =>
      (await store.calls.history({ service: 'api', from, to: now, stepMs })).map(
        ({ at }) => (now - at) / DAY_MS,
      );
    const expected = [399, 31, 29, 3, 1];
    expect(await points(HOUR_MS)).toEqual(expected);
    expect(await points(2 * HOUR_MS)).toEqual(expected);
    expect(await points(300_000)).toEqual(expected);
    // of the five minutes in which single runs begin, some may be gone; later ones are unchanged
    await store.calls.recordRuns([run(now - DAY_MS + 660_000, 'success')]);
    expect(await points(60_000)).toEqual([399, 31, 29, 3, 1, 1 - 11 / 1_440]);
  });

  it('sums every step completely, for any width, from the records left of each age', async () => {
    const now = clock.now();
    const runs = Array.from({ length: 3_000 }, (_, i) => run(now - 40 * DAY_MS + i * 1_151_000, 'success'));
    await store.calls.recordRuns(runs);
    await sweep(clock);
    for (const stepMs of [1_000, 60_000, 300_000, 420_000, HOUR_MS, 5_184_000, DAY_MS]) {
      const from = now - 41 * DAY_MS;
      const history = await store.calls.history({ service: 'api', from, to: now, stepMs });
      const total = history.reduce((sum, { success }) => sum + success, 0);
      expect([stepMs, total]).toEqual([stepMs, runs.filter(({ at }) => at < now).length]);
      const times = history.map(({ at }) => at);
      expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
    }
  });

  it('returns as many points as requested, and reads only the rows of that service and time', async () => {
    const now = clock.now();
    for (const service of ['s1', 's2', 's3']) {
      const runs = Array.from({ length: 8_640 }, (_, i) =>
        run(now - 30 * DAY_MS + i * 300_000, 'success', 1, { service }),
      );
      await store.calls.recordRuns(runs);
    }
    const query = { service: 's2', from: now - 30 * DAY_MS, to: now };
    expect(await store.calls.history({ ...query, stepMs: (30 * DAY_MS) / 500 })).toHaveLength(500);
    // how SQLite finds the rows of each resolution: how long that takes depends on the machine
    const executed: string[] = [];
    const verbose = (statement: unknown) => void executed.push(String(statement));
    const database = new Database(join(directory.path, 'tocsin.db'), { readonly: true, verbose });
    const runStore = new RunStore(database, new StringTable(database), {
      eventsMs: DAY_MS,
      historyMs: DAY_MS,
    });
    for (const stepMs of [60_000, 300_000, HOUR_MS])
      expect(runStore.history({ ...query, stepMs }).length).toBeGreaterThan(0);
    const plan = (statement: string) =>
      database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${statement}`).all();
    const steps = new Set([...executed].flatMap(plan).map(({ detail }) => detail));
    database.close();
    expect([...steps].filter((detail) => detail.startsWith('SCAN'))).toEqual([]);
    for (const table of ['runs', 'rollups', 'hours'])
      expect(steps).toContain(`SEARCH ${table} USING PRIMARY KEY (service=? AND at>? AND at<?)`);
  });
});
