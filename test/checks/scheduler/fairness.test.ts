import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { SchedulableCheck } from '../../../src/checks/scheduler/plan.ts';
import { Scheduler } from '../../../src/checks/scheduler/scheduler.ts';
import { ManualClock } from '../../support/manual-clock.ts';

interface Load extends SchedulableCheck {
  /** How long each run takes, ms. */
  readonly tookMs: number;
  /** The next run that it requests, ms. */
  readonly wantedMs?: number;
}

interface Run {
  readonly key: string;
  /** Clock time (ms) at which it was due, and at which it started. */
  readonly due: number;
  readonly at: number;
}

/** A scheduler whose runs are all recorded; `took` may change how long a run takes. */
function watch(
  caps: { maxConcurrency: number; maxPerHost: number },
  took = (load: Load, _now: number) => load.tookMs,
) {
  const clock = new ManualClock(0);
  const runs: Run[] = [];
  const running = new Set<string>();
  const shed: string[] = [];
  let late = 0;
  const scheduler = new Scheduler<Load>({
    clock,
    caps,
    onLateness: (seconds) => (late = seconds * 1_000),
    onSkipped: ({ key }, count) => shed.push(...new Array<string>(count).fill(key)),
    run: async (load, signal) => {
      expect(running).not.toContain(load.key);
      running.add(load.key);
      expect(running.size).toBeLessThanOrEqual(caps.maxConcurrency);
      const at = clock.now();
      runs.push({ key: load.key, due: at - late, at });
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
        clock.after(took(load, at), resolve);
      });
      running.delete(load.key);
      return load.wantedMs;
    },
  });
  const stop = async () => {
    await scheduler.stop(AbortSignal.abort());
    expect(running.size).toBe(0);
  };
  return { clock, runs, scheduler, shed, stop };
}

const many = (count: number, name: string, rest: Omit<Load, 'key' | 'host'>): Load[] =>
  Array.from({ length: count }, (_, i) => ({ key: `${name}-${i}`, host: `${name}-${i}`, ...rest }));

/** The longest time (ms) from `since` to `until` in which a check did not start. */
function longestGap(runs: readonly Run[], key: string, since: number, until: number): number {
  const starts = runs.filter((run) => run.key === key && run.at >= since).map(({ at }) => at);
  return Math.max(...[...starts, until].map((at, i, all) => at - (all[i - 1] ?? since)));
}

const latest = (runs: readonly Run[], name: string) =>
  Math.max(...runs.filter(({ key }) => key.startsWith(name)).map(({ at, due }) => at - due));

const sum = (loads: readonly Load[]) => loads.reduce((all, { tookMs }) => all + tookMs, 0);

/** Checks due within this time of each other may change order, since they are started together. */
const TOGETHER_MS = 10;

describe('320 checks that hang, of which 128 may run at a time', () => {
  const caps = { maxConcurrency: 128, maxPerHost: 8 };

  // 96 places are for checks that are not fast: all hanging ones have had their turn after 320 / 96 timeouts
  it.each([
    ['time out after the whole of an interval of 2 s', 2_000, 2_000],
    ['time out after 10 s, and would be due every 2 s', 10_000, 2_000],
  ])('that %s all run equally often, and healthy ones stay on time', async (_, tookMs, intervalMs) => {
    const hanging = many(320, 'hanging', { tookMs, intervalMs, wantedMs: 2_000 });
    const good = many(30, 'good', { tookMs: 50, intervalMs: 1_000 });
    const { clock, runs, scheduler, shed, stop } = watch(caps);
    scheduler.update(good);
    await clock.advance(5_000);
    scheduler.update([...hanging, ...good]);
    await clock.advance(120_000);

    const turn = (sum(hanging) + sum(good)) / 96 + tookMs;
    for (const { key } of hanging) expect(longestGap(runs, key, 7_000, 125_000)).toBeLessThanOrEqual(turn);
    const counts = hanging.map(({ key }) => runs.filter((run) => run.key === key).length);
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
    expect(latest(runs, 'good')).toBeLessThanOrEqual(sum(good) / 32);
    expect(shed.filter((key) => key.startsWith('good'))).toEqual([]);
    expect(shed.length).toBeGreaterThan(0);
    await stop();
  });

  it('leave a healthy check its turns when it starts to hang: it is detected at once, and confirmed a turn later', async () => {
    const hanging = many(320, 'hanging', { tookMs: 2_000, intervalMs: 2_000 });
    const good = many(30, 'good', { tookMs: 50, intervalMs: 1_000 });
    const outageAt = 60_000;
    const hangs = (key: string, now: number) => key.startsWith('good') && now >= outageAt;
    const { clock, runs, scheduler, stop } = watch(caps, ({ key, tookMs }, now) =>
      hangs(key, now) ? 1_001 : tookMs,
    );
    scheduler.update([...good, ...hanging]);
    await clock.advance(120_000);
    const turn = (sum(hanging) + 30 * 1_001) / 96 + 2_000;
    for (const { key } of good) {
      const [first, second] = runs.filter((run) => run.key === key && run.at >= outageAt);
      expect((first?.at ?? Infinity) - outageAt).toBeLessThanOrEqual(1_000 + sum(good) / 32 + TOGETHER_MS);
      expect((second?.at ?? Infinity) - (first?.at ?? 0)).toBeLessThanOrEqual(1_001 + turn);
    }
    await stop();
  });

  it('leave places of their host to its fast checks too', async () => {
    const onOne = (loads: Load[]) => loads.map((load) => ({ ...load, host: 'one' }));
    const hanging = onOne(many(40, 'hanging', { tookMs: 10_000, intervalMs: 10_000 }));
    const good = onOne(many(4, 'good', { tookMs: 50, intervalMs: 1_000 }));
    const { clock, runs, scheduler, stop } = watch(caps);
    scheduler.update(good);
    await clock.advance(5_000);
    scheduler.update([...hanging, ...good]);
    await clock.advance(120_000);
    expect(latest(runs, 'good')).toBeLessThanOrEqual(sum(good) / 2);
    await stop();
  });

  it('do not delay checks after a restart that were fast before it', async () => {
    const hanging = many(320, 'hanging', { tookMs: 10_000, intervalMs: 10_000 });
    const resumes = { startedAt: -500, wantedMs: undefined, tookMs: 50 };
    const good = many(30, 'good', { tookMs: 50, intervalMs: 1_000, resumes });
    const { clock, runs, scheduler, stop } = watch(caps);
    scheduler.update([...hanging, ...good]);
    await clock.advance(20_000);
    for (const { key } of good) expect(longestGap(runs, key, 0, 20_000)).toBeLessThanOrEqual(1_600);
    await stop();
  });
});

const loads = fc
  .array(
    fc.record({
      intervalMs: fc.constantFrom(500, 1_000, 2_000, 5_000),
      tookMs: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1_001, max: 8_000 })),
      wantedMs: fc.constantFrom(undefined, 200, 1_000, 2_000),
    }),
    { minLength: 1, maxLength: 24 },
  )
  // each on a separate host, so that only the total number of places is short
  .map((all) =>
    all.map(({ wantedMs, ...load }, i): Load => {
      const named = { ...load, key: `k${i}`, host: `h${i}` };
      return wantedMs === undefined ? named : { ...named, wantedMs };
    }),
  );

describe('under any load', () => {
  it('a check waits for at most one run of each other, and a fast one for none that hangs', async () => {
    await fc.assert(
      fc.asyncProperty(loads, fc.integer({ min: 1, max: 9 }), async (all, maxConcurrency) => {
        const kept = Math.floor(maxConcurrency / 4);
        const { clock, runs, scheduler, stop } = watch({ maxConcurrency, maxPerHost: 1 });
        scheduler.update(all);
        await clock.advance(40_000);
        const slack = TOGETHER_MS * (all.length + 1);
        const bound = sum(all) / (maxConcurrency - kept) + slack;
        const fast = all.filter(({ tookMs }) => tookMs <= 1_000);
        const fastKeys = new Set(fast.map(({ key }) => key));
        for (const { key, due, at } of runs) {
          expect(at - due).toBeLessThanOrEqual(bound);
          // by then every fast check has run, and is known as one
          if (kept > 0 && fastKeys.has(key) && due > bound + 2_000)
            expect(at - due).toBeLessThanOrEqual(sum(fast) / kept + slack);
        }
        const ran = new Set(runs.map(({ key }) => key));
        if (bound + 1_000 < 40_000) expect(all.filter(({ key }) => !ran.has(key))).toEqual([]);
        await stop();
      }),
      { numRuns: 60 },
    );
  });

  it('runs and skipped runs add up to one for each interval', async () => {
    const counts = fc.integer({ min: 1, max: 40 });
    await fc.assert(
      fc.asyncProperty(counts, fc.integer({ min: 1, max: 4 }), async (count, maxConcurrency) => {
        const { clock, runs, scheduler, shed, stop } = watch({ maxConcurrency, maxPerHost: 1 });
        scheduler.update(many(count, 'k', { tookMs: 900, intervalMs: 1_000 }));
        await clock.advance(120_000);
        const counted = runs.length + shed.length;
        // waiting checks are counted when their turn comes, which is after at most one run of each other
        const places = maxConcurrency - Math.floor(maxConcurrency / 4);
        const uncounted = count * (2 + (count * 0.9) / places);
        expect(counted).toBeGreaterThanOrEqual(count * 120 - uncounted);
        expect(counted).toBeLessThanOrEqual(count * 121);
        await stop();
      }),
      { numRuns: 25 },
    );
  });
});
