import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TimeHeap } from '../../src/scheduler/heap.ts';
import type { Scheduled } from '../../src/scheduler/plan.ts';
import { Scheduler } from '../../src/scheduler/scheduler.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

interface Rig {
  readonly clock: ManualClock;
  readonly scheduler: Scheduler<Scheduled>;
  readonly started: { key: string; at: number }[];
  readonly lateness: number[];
  readonly shed: string[];
  readonly finish: (key: string, wanted?: number) => Promise<void>;
  most: number;
}

/** A scheduler whose runs end at once, or, with `hold`, when the test says so. */
function rig(
  options: { hold?: boolean; caps?: { maxConcurrency: number; maxPerHost: number }; wanted?: number } = {},
): Rig {
  const clock = new ManualClock();
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
    scheduler: new Scheduler<Scheduled>({
      clock,
      caps: options.caps ?? { maxConcurrency: 100, maxPerHost: 100 },
      onLateness: (seconds) => all.lateness.push(seconds),
      onShed: (check) => all.shed.push(check.key),
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

const checks = (count: number, host = 'h', intervalMs = 30_000): Scheduled[] =>
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

  it('re-runs sooner when the run asks for it', async () => {
    const { clock, scheduler, started } = rig({ wanted: 2_000 });
    scheduler.update(checks(1));
    await clock.advance(31_000);
    expect(started.length).toBeGreaterThanOrEqual(15);
  });

  it('never exceeds the global cap nor the cap of a host, and lets other hosts pass a busy one', async () => {
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

  it('leaves out and counts a run that would start a whole interval late', async () => {
    const { clock, scheduler, shed, finish, started } = rig({
      hold: true,
      caps: { maxConcurrency: 1, maxPerHost: 1 },
    });
    scheduler.update(checks(2, 'h', 5_000));
    await clock.advance(2_000);
    expect(started).toHaveLength(1);
    await clock.advance(10_000);
    await finish(started[0]?.key ?? '');
    expect(shed).toHaveLength(1);
    await clock.advance(10_000);
    expect(started.length).toBeGreaterThan(1);
  });

  it('never runs a check twice at the same time', async () => {
    const { clock, scheduler, started } = rig({ hold: true });
    scheduler.update(checks(1, 'h', 1_000));
    await clock.advance(60_000);
    expect(started).toHaveLength(1);
  });

  it('keeps the next time of checks that stay, drops those that go, starts those that come', async () => {
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

  it('lets a run end that was removed meanwhile, and does not schedule it again', async () => {
    const { clock, scheduler, started, finish } = rig({ hold: true });
    scheduler.update(checks(1));
    await clock.advance(1_500);
    scheduler.update([]);
    await finish('check-0');
    await clock.advance(120_000);
    expect(started).toHaveLength(1);
    expect(clock.timers).toBe(0);
  });

  it('drains on stop: waits for what runs, cancels it at the end of the budget', async () => {
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
  it('gives times back in order, whatever order they came in', () => {
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
