import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TimeHeap } from '../../../src/checks/scheduler/time-heap.ts';
import { nextOnGrid, type SchedulableCheck } from '../../../src/checks/scheduler/plan.ts';
import { Scheduler } from '../../../src/checks/scheduler/scheduler.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly scheduler: Scheduler<SchedulableCheck>;
  readonly started: { key: string; at: number }[];
  readonly lateness: number[];
  readonly shed: string[];
  readonly finish: (key: string, wanted?: number) => Promise<void>;
  most: number;
}

/** A scheduler whose runs end at once, or, with `hold`, on request of the test. */
function rig(
  options: {
    hold?: boolean;
    caps?: { maxConcurrency: number; maxPerHost: number };
    wanted?: number;
    start?: number;
  } = {},
): Rig {
  const clock = new ManualClock(options.start);
  const pending = new Map<string, (wanted: number | undefined) => void>();
  const all: Rig = {
    clock,
    started: [],
    lateness: [],
    shed: [],
    most: 0,
    finish: async (key, wanted) => {
      pending.get(key)?.(wanted);
      pending.delete(key);
      await settle();
    },
    scheduler: new Scheduler<SchedulableCheck>({
      clock,
      caps: options.caps ?? { maxConcurrency: 100, maxPerHost: 100 },
      onLateness: (seconds) => all.lateness.push(seconds),
      onSkipped: (check, runs) => all.shed.push(...new Array<string>(runs).fill(check.key)),
      run: (check, signal) => {
        all.started.push({ key: check.key, at: clock.monotonic() });
        if (options.hold !== true) return Promise.resolve(options.wanted);
        return new Promise((resolve) => {
          pending.set(check.key, resolve);
          all.most = Math.max(all.most, pending.size);
          signal.addEventListener('abort', () => resolve(undefined));
        });
      },
    }),
  };
  return all;
}

const checks = (count: number, host = 'h', intervalMs = 30_000): SchedulableCheck[] =>
  Array.from({ length: count }, (_, i) => ({ key: `check-${i}`, host: `${host}${i}`, intervalMs }));

describe('the scheduler', () => {
  it('runs every check once per interval, on its own phase', async () => {
    const { clock, scheduler, started, lateness } = rig();
    scheduler.update(checks(50));
    await clock.advance(35_000);
    started.length = 0;
    await clock.advance(300_000);
    for (const { key } of checks(50)) {
      const times = started.filter((one) => one.key === key).map((one) => one.at);
      expect(times).toHaveLength(10);
      for (let i = 1; i < times.length; i++)
        expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeCloseTo(30_000, 6);
    }
    expect(Math.max(...lateness)).toBeLessThan(0.002);
  });

  it('re-runs sooner when the run requests it', async () => {
    const { clock, scheduler, started } = rig({ wanted: 2_000 });
    scheduler.update(checks(1));
    await clock.advance(31_000);
    expect(started.length).toBeGreaterThanOrEqual(15);
  });

  it('never exceeds the global cap nor the cap of a host, and lets other hosts go ahead of a busy one', async () => {
    const { clock, scheduler, finish, ...rest } = rig({
      hold: true,
      caps: { maxConcurrency: 3, maxPerHost: 2 },
    });
    const same = ['a', 'b', 'c', 'd'].map((key) => ({ key, host: 'same', intervalMs: 60_000 }));
    scheduler.update([...same, { key: 'other', host: 'other', intervalMs: 60_000 }]);
    await clock.advance(1_000);
    const running = rest.started.map((one) => one.key);
    expect(running).toHaveLength(3);
    expect(running).toContain('other');
    expect(running.filter((key) => key !== 'other')).toHaveLength(2);
    await finish(running.find((key) => key !== 'other') ?? '');
    expect(rest.started).toHaveLength(4);
  });

  it('keeps the place in the queue of a check that waits for whole intervals, and counts those as skipped', async () => {
    const { clock, scheduler, shed, finish, started } = rig({
      hold: true,
      caps: { maxConcurrency: 1, maxPerHost: 1 },
    });
    scheduler.update(checks(2, 'h', 5_000));
    await clock.advance(2_000);
    expect(started).toHaveLength(1);
    await clock.advance(10_000);
    await finish(started[0]?.key ?? '');
    expect(started).toHaveLength(2);
    expect(shed).toEqual([started[1]?.key, started[1]?.key]);
  });
});

describe('the scheduler, when places are short or the loop is late,', () => {
  it.each([
    ['a quick check', 10],
    ['a check that took nine of its ten seconds', 9_000],
  ])('starts %s late, and skips nothing, when a place is free two seconds late', async (_, tookMs) => {
    const { clock, scheduler, shed, finish, started, lateness } = rig({ hold: true });
    const check = { key: 'a', host: 'a', intervalMs: 10_000 };
    scheduler.update([check]);
    await clock.advance(1_001);
    await clock.advance(tookMs - (clock.monotonic() - (started[0]?.at ?? 0)));
    await finish('a');
    const due = nextOnGrid(check, clock.now() - clock.monotonic() + (started[0]?.at ?? 0) + 5_000);
    scheduler.update([check], { maxConcurrency: 0, maxPerHost: 1 });
    await clock.advance(due - clock.now() + 2_000);
    expect(started).toHaveLength(1);
    scheduler.update([check], { maxConcurrency: 1, maxPerHost: 1 });
    expect(shed).toEqual([]);
    expect(started).toHaveLength(2);
    expect(lateness.at(-1)).toBeCloseTo(2, 2);
    await clock.advance(10_000);
    expect(started).toHaveLength(2);
  });

  it('does not skip a check whose every run takes its whole interval, when the loop is a little late', async () => {
    const { clock, scheduler, shed, finish, started } = rig({ hold: true });
    scheduler.update([{ key: 'a', host: 'a', intervalMs: 10_000 }]);
    await clock.advance(1_001);
    for (let i = 0; i < 5; i++) {
      await clock.advance(10_020);
      await finish('a');
      await clock.advance(20);
    }
    expect(shed).toEqual([]);
    expect(started.length).toBeGreaterThanOrEqual(5);
  });

  it('holds its invariants under any load: caps, never twice, everything due is run or counted', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            host: fc.constantFrom('a', 'b', 'c'),
            intervalMs: fc.constantFrom(1_000, 2_000, 5_000),
            tookMs: fc.integer({ min: 1, max: 4_000 }),
          }),
          { minLength: 1, maxLength: 12 },
        ),
        fc.record({
          maxConcurrency: fc.integer({ min: 1, max: 4 }),
          maxPerHost: fc.integer({ min: 1, max: 2 }),
        }),
        async (loads, limits) => {
          const clock = new ManualClock();
          const running: string[] = [];
          let [started, shed] = [0, 0];
          const scheduler = new Scheduler<SchedulableCheck & { tookMs: number }>({
            clock,
            caps: limits,
            onLateness: () => undefined,
            onSkipped: (_, runs) => (shed += runs),
            run: (check) => {
              started += 1;
              expect(running).not.toContain(check.key);
              running.push(check.key);
              expect(running.length).toBeLessThanOrEqual(limits.maxConcurrency);
              return new Promise((resolve) => {
                clock.after(check.tookMs, () => {
                  running.splice(running.indexOf(check.key), 1);
                  resolve(undefined);
                });
              });
            },
          });
          scheduler.update(loads.map((load, i) => ({ ...load, key: `k${i}` })));
          await clock.advance(20_000);
          expect(started).toBeGreaterThan(0);
          // each check was run or skipped about once per interval, or ran longer than that
          const periods = loads.map(({ intervalMs, tookMs }) => Math.max(intervalMs, tookMs));
          const least = periods.reduce((sum, period) => sum + Math.floor(15_000 / (2 * period)), 0);
          expect(started + shed).toBeGreaterThanOrEqual(least);
          const end = new AbortController();
          end.abort();
          const stopped = scheduler.stop(end.signal);
          await clock.advance(5_000);
          await stopped;
          expect(running).toEqual([]);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('the scheduler, when checks come and go,', () => {
  it('continues where another process stopped: on its phase, with the interval that its last run requested', async () => {
    const start = Date.parse('2026-01-01T00:00:00Z');
    const [check] = checks(1, 'h', 60_000);
    if (check === undefined) throw new Error('no check');
    const first = rig();
    first.scheduler.update([check]);
    await first.clock.advance(120_000);
    const lastAt = start + (first.started.at(-1)?.at ?? 0);
    const next =
      (wantedMs?: number, sinceMs = 0) =>
      async () => {
        const again = rig({ start: lastAt + 5_000 + sinceMs });
        again.scheduler.update([{ ...check, resumes: { startedAt: lastAt, wantedMs, tookMs: 1 } }]);
        await again.clock.advance(60_000);
        return lastAt + 5_000 + sinceMs + (again.started[0]?.at ?? NaN);
      };
    expect(await next()()).toBeCloseTo(lastAt + 60_000, -1);
    expect(await next(10_000)()).toBeCloseTo(lastAt + 10_000, -1);
    // what became due in between is run soon
    expect(await next(undefined, 90_000)()).toBeLessThan(lastAt + 5_000 + 90_000 + 1_001);
  });

  it('never runs a check twice at the same time', async () => {
    const { clock, scheduler, started } = rig({ hold: true });
    scheduler.update(checks(1, 'h', 1_000));
    await clock.advance(60_000);
    expect(started).toHaveLength(1);
  });

  it('keeps the next time of checks that remain, drops removed ones and starts new ones', async () => {
    const { clock, scheduler, started } = rig();
    scheduler.update(checks(2));
    await clock.advance(31_000);
    const before = started.filter((one) => one.key === 'check-0').at(-1)?.at ?? 0;
    started.length = 0;
    scheduler.update([...checks(1), { key: 'new', host: 'n', intervalMs: 30_000 }]);
    await clock.advance(30_000);
    expect(started.find((one) => one.key === 'check-0')?.at).toBeCloseTo(before + 30_000, 0);
    expect(started.some((one) => one.key === 'check-1')).toBe(false);
    expect(started.some((one) => one.key === 'new')).toBe(true);
  });

  it('lets the run of a removed check end, and does not schedule it again', async () => {
    const { clock, scheduler, started, finish } = rig({ hold: true });
    scheduler.update(checks(1));
    await clock.advance(1_500);
    scheduler.update([]);
    await finish('check-0');
    await clock.advance(120_000);
    expect(started).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('drains on stop: waits for running checks, and cancels them at the end of the budget', async () => {
    const { clock, scheduler } = rig({ hold: true });
    scheduler.update(checks(1));
    await clock.advance(1_500);
    const budget = new AbortController();
    let stopped = false;
    const stop = scheduler.stop(budget.signal).then(() => (stopped = true));
    await settle();
    expect(stopped).toBe(false);
    budget.abort();
    await stop;
    expect(stopped).toBe(true);
  });
});

describe('the heap', () => {
  it('returns times in order, for any order of insertion', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (times) => {
        const heap = new TimeHeap<{ at: number }>();
        for (const at of times) heap.push({ at });
        const out = times.map(() => heap.pop()?.at);
        expect(out).toEqual([...times].sort((a, b) => a - b));
        expect(heap.size).toBe(0);
      }),
    );
  });
});

describe('runs that are due within ten milliseconds', () => {
  it('start together, on time, and each keeps its place on the grid', async () => {
    const { clock, scheduler, started, lateness } = rig();
    const many = checks(2_000);
    scheduler.update(many, { maxConcurrency: 2_000, maxPerHost: 2_000 });
    await clock.advance(60_000);
    started.length = 0;
    lateness.length = 0;
    await clock.advance(30_000);
    expect(started).toHaveLength(2_000);
    // one every 15 ms on average: fewer starts than runs, none more than 10 ms from its time
    const moments = new Set(started.map(({ at }) => at));
    expect(moments.size).toBeLessThan(1_500);
    expect(lateness.every((seconds) => seconds === 0)).toBe(true);
    const skew = clock.now() - clock.monotonic();
    for (const { key, at } of started) {
      const check = many.find((one) => one.key === key);
      if (check === undefined) throw new Error(`${key} is not a check`);
      const due = nextOnGrid(check, at + skew - 1);
      expect(due - (at + skew)).toBeLessThanOrEqual(10);
    }
  });
});
