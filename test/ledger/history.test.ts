import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RunRecord } from '../../src/ledger/ledger.ts';
import {
  DAY_MS,
  HOUR_MS,
  openTestStore,
  sweep,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger.ts';
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
  it('sums the runs of all targets by step; the mean is of successes', async () => {
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

  it('roll-ups and single runs tell the same where steps are whole roll-ups', async () => {
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

  it('keeps single runs for two days and sums for as long as history is kept', async () => {
    const now = clock.now();
    const days = [1, 3, 29, 31].map((day) => run(now - day * DAY_MS, 'success'));
    await store.calls.recordRuns(days);
    await sweep(clock);
    const query = { service: 'api', from: now - 40 * DAY_MS, to: now };
    const points = async (stepMs: number) => (await store.calls.history({ ...query, stepMs })).length;
    expect(await points(HOUR_MS)).toBe(3);
    expect(await points(60_000)).toBe(1);
  });
});
