import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventLoopMonitor } from '../../src/probes/event-loop-monitor.ts';
import { recordingLogger } from '../support/recording-logger.ts';

/** A clock whose timers wait while the loop is blocked. */
function rig() {
  let now = 0;
  let timer: { at: number; run: () => void } | undefined;
  const clock = {
    now: () => now,
    monotonic: () => now,
    after: (delayMs: number, run: () => void) => {
      timer = { at: now + delayMs, run };
      return () => (timer = undefined);
    },
  };
  /** Time passes while the loop is free. */
  const pass = (ms: number) => {
    const end = now + ms;
    while (timer !== undefined && timer.at <= end) {
      now = Math.max(now, timer.at);
      timer.run();
    }
    now = end;
  };
  const block = (ms: number) => (now += ms);
  const { logger } = recordingLogger();
  return { watch: new EventLoopMonitor({ clock, logger }), pass, block, now: () => now };
}

describe('the event loop watch', () => {
  it('reports nothing while the loop is free', () => {
    const { watch, pass } = rig();
    pass(10_000);
    expect(watch.longestStallSince(0)).toBeLessThan(50);
  });

  it('reports a stall before any timer has run, and after', () => {
    const { watch, pass, block, now } = rig();
    pass(1_000);
    const since = now();
    block(2_000);
    expect(watch.longestStallSince(since)).toBeGreaterThan(1_900);
    pass(500);
    expect(watch.longestStallSince(since)).toBeGreaterThan(1_900);
  });

  it('counts only what is after the given time', () => {
    const { watch, pass, block, now } = rig();
    block(3_000);
    pass(100);
    expect(watch.longestStallSince(now() - 50)).toBeLessThan(50);
    expect(watch.longestStallSince(2_500)).toBeCloseTo(500, -1);
  });

  it('finds the longest stall since then, as if it had measured continuously', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ free: fc.integer({ min: 60, max: 2_000 }), stall: fc.integer({ min: 0, max: 3_000 }) }),
          {
            minLength: 1,
            maxLength: 20,
          },
        ),
        fc.nat(20_000),
        (steps, since) => {
          const { watch, pass, block, now } = rig();
          const stalls: { from: number; to: number }[] = [];
          for (const { free, stall } of steps) {
            pass(free);
            stalls.push({ from: now(), to: now() + stall });
            block(stall);
          }
          pass(60);
          const real = Math.max(0, ...stalls.map(({ from, to }) => to - Math.max(from, since)));
          const seen = watch.longestStallSince(since);
          // a stall is noticed from the tick that it delays: up to 50 ms of it are missed
          expect(seen).toBeLessThanOrEqual(real + 0.001 > 50 ? real : 50);
          expect(seen).toBeGreaterThanOrEqual(real < 150 ? 0 : real - 51);
        },
      ),
    );
  });
});
