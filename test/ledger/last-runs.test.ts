import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RunRecord } from '../../src/ledger/ledger.ts';
import {
  DAY_MS,
  openTestStore,
  sweep,
  temporaryDirectory,
  type TestStore,
} from '../support/ledger/ledger.ts';
import { ManualClock } from '../support/manual-clock.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let clock: ManualClock;
let store: TestStore;
const open = () => openTestStore(join(directory.path, 'tocsin.db'), { clock });

beforeEach(() => {
  directory = temporaryDirectory();
  clock = new ManualClock(Date.parse('2026-06-01T00:00:00Z'));
  store = open();
});
afterEach(() => {
  store.close();
  directory.remove();
});

const run = (service: string, target: string, at: number, health?: string): RunRecord => ({
  service,
  target,
  at,
  status: 'success',
  durationSeconds: 1,
  ...(health !== undefined && { health }),
});

describe('the last runs', () => {
  it('are the newest of each check, across a restart', async () => {
    const now = clock.now();
    await store.calls.recordRuns([
      run('a', 'x', now - 2_000, 'old'),
      run('a', 'x', now - 1_000, 'new'),
      run('a', 'y', now - 3_000, 'y'),
      run('b', 'x', now - 90_000, 'b'),
      run('c', 'x', now),
    ]);
    await store.calls.recordRuns([run('a', 'x', now - 1_500, 'late, and older')]);
    store.close();
    store = open();
    const sorted = async (since: number) =>
      [...(await store.calls.lastRuns(since))].sort((one, other) => one.at - other.at);
    expect(await sorted(now - 60_000)).toEqual([
      { service: 'a', target: 'y', at: now - 3_000, health: 'y' },
      { service: 'a', target: 'x', at: now - 1_000, health: 'new' },
    ]);
    expect(await sorted(0)).toHaveLength(3);
  });

  it('are removed with the events', async () => {
    await store.calls.recordRuns([run('a', 'x', clock.now() - 401 * DAY_MS, 'old')]);
    await sweep(clock);
    expect(await store.calls.lastRuns(0)).toEqual([]);
  });
});
