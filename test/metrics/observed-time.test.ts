import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { failure, SUCCESS } from '../../src/domain/result.ts';
import type { ResultStatus } from '../../src/domain/result.ts';
import { applyResult, initialHealth, nextDelayMs } from '../../src/checks/health/check-health.ts';
import { ObservedTime } from '../../src/metrics/observed-time.ts';
import { nextRun, type SchedulableCheck } from '../../src/checks/scheduler/plan.ts';
import { Scheduler } from '../../src/checks/scheduler/scheduler.ts';
import { ManualClock } from '../support/manual-clock.ts';

const check: SchedulableCheck = { key: 'a', host: 'a', intervalMs: 30_000 };
const rules = {
  confirm: { failures: 2, successes: 1, retryIntervalMs: 2_000 },
  adaptive: { degradedMs: 15_000, unhealthyMs: 5_000 },
};

/** A reproducible source of numbers in [0, 1): mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Outage {
  readonly from: number;
  readonly to: number;
}

/** By how much later in its interval each outage begins than the one before: evenly spread, however few. */
const GOLDEN = 0.618_033_988_75;

/** Outages for a thousandth of the time: each in a random interval of its share of the time, anywhere within that. */
function outages(count: number, length: (random: () => number) => number, next: () => number): Outage[] {
  const result: Outage[] = [];
  let shareFrom = 0;
  for (let i = 0; i < count; i++) {
    const ms = length(next);
    const share = Math.round((ms * 1_000) / check.intervalMs) * check.intervalMs;
    const skipped = Math.floor((next() * (share - ms)) / check.intervalMs) * check.intervalMs;
    const from = shareFrom + skipped + ((i * GOLDEN) % 1) * check.intervalMs;
    result.push({ from, to: from + ms });
    shareFrom += share;
  }
  return result;
}

function totalMs(list: readonly Outage[]): number {
  return list.reduce((sum, { from, to }) => sum + (to - from) * 1_000, 0);
}

/** Whether it is down at times that only increase. */
function target(list: readonly Outage[]): (at: number) => boolean {
  let index = 0;
  return (at) => {
    while ((list[index]?.to ?? Infinity) <= at) index += 1;
    return at >= (list[index]?.from ?? Infinity);
  };
}

/** The SLI of a check with retries and adaptive intervals, with the schedule computed without a clock. */
function simulate(list: readonly Outage[]): number {
  const time = new ObservedTime();
  const end = totalMs(list);
  const isDown = target(list);
  let health = initialHealth(0);
  for (let at = 0; at < end;) {
    const verdict = isDown(at) ? failure('status', 'x') : SUCCESS;
    time.add(verdict.status, at, check.intervalMs);
    health = applyResult(health, { verdict, startedAt: at, durationSeconds: 0.01, details: {} }, rules);
    at = nextRun(check, at, nextDelayMs(health, rules));
  }
  expect(time.observedSeconds).toBeGreaterThan((end - 60_000) / 1_000);
  return time.failingSeconds / time.observedSeconds;
}

describe('observed and failing time', () => {
  it.each([
    ['seconds long, which are mostly missed', 300, () => 8_000],
    ['as long as half an interval', 200, () => 15_000],
    ['from 5 s to 2 min', 150, (next: () => number) => 5_000 + next() * 115_000],
    ['of 5 minutes', 30, () => 300_000],
    ['of an hour', 2, () => 3_600_000],
  ])('of a service that is down 0.1 %% of the time: 0.1 %% ± 0.005, outages %s', (_, count, length) => {
    const sli = simulate(outages(count, length, random(7)));
    expect(Math.abs(sli - 0.001)).toBeLessThan(0.000_05);
  });

  it('is the same when the scheduler itself runs the check, on a manual clock', async () => {
    const next = random(11);
    const list = outages(10, () => 60_000 + next() * 240_000, next);
    const isDown = target(list);
    const clock = new ManualClock(0);
    const time = new ObservedTime();
    let health = initialHealth(0);
    const scheduler = new Scheduler<SchedulableCheck>({
      clock,
      caps: { maxConcurrency: 1, maxPerHost: 1 },
      onLateness: () => undefined,
      onSkipped: () => undefined,
      run: (one) => {
        const startedAt = clock.now();
        const verdict = isDown(startedAt) ? failure('status', 'x') : SUCCESS;
        time.add(verdict.status, startedAt, one.intervalMs);
        health = applyResult(health, { verdict, startedAt, durationSeconds: 0, details: {} }, rules);
        return Promise.resolve(nextDelayMs(health, rules));
      },
    });
    scheduler.update([check]);
    await clock.advance(totalMs(list));
    const stopped = new AbortController();
    stopped.abort();
    await scheduler.stop(stopped.signal);
    expect(Math.abs(time.failingSeconds / time.observedSeconds - 0.001)).toBeLessThan(0.000_05);
  });

  it('never counts more than the elapsed time, nor more failing than observed time', () => {
    const step = fc.record({
      status: fc.constantFrom<ResultStatus>('success', 'failure', 'unknown'),
      afterMs: fc.nat(90_000),
      intervalMs: fc.constantFrom(1_000, 30_000),
      forget: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const time = new ObservedTime();
        let at = 1_000;
        let before = 0;
        for (const { status, afterMs, intervalMs, forget } of steps) {
          at += afterMs;
          time.add(status, at, intervalMs);
          if (forget && afterMs % 7 === 0) time.forget();
          expect(time.observedSeconds).toBeGreaterThanOrEqual(before);
          before = time.observedSeconds;
          expect(time.failingSeconds).toBeLessThanOrEqual(time.observedSeconds);
        }
        expect(time.observedSeconds).toBeLessThanOrEqual((at - 1_000) / 1_000 + 1e-9);
      }),
    );
  });

  it('counts an outage while it lasts, and not only when it is over', () => {
    const time = new ObservedTime();
    for (const at of [0, 30_000]) time.add('success', at, 30_000);
    for (const at of [60_000, 62_000, 67_000, 72_000]) time.add('failure', at, 30_000);
    expect(time.failingSeconds).toBe(12);
  });
});
