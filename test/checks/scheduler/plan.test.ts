import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { firstRun, nextRun, nextOnGrid, phaseMs } from '../../../src/checks/scheduler/plan.ts';

const check = (key: string, intervalMs = 30_000) => ({ key, host: 'a', intervalMs });

describe('the plan', () => {
  it('spreads the phases of 10,000 checks evenly over the interval', () => {
    const buckets = new Array<number>(30).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const second = Math.floor(phaseMs(`service-${i}\u0000http://10.0.0.${i % 250}/`, 30_000) / 1_000);
      buckets[second] = (buckets[second] ?? 0) + 1;
    }
    expect(Math.min(...buckets)).toBeGreaterThan(250);
    expect(Math.max(...buckets)).toBeLessThan(420);
  });

  it('gives a check the same phase after every restart', () => {
    expect(phaseMs('web\u0000http://a/', 30_000)).toBe(phaseMs('web\u0000http://a/', 30_000));
  });

  it('puts the next run on its grid, between half and one and a half intervals later', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1_000, max: 3_600_000 }),
        fc.nat(1e12),
        (key, intervalMs, start) => {
          const next = nextRun(check(key, intervalMs), start, undefined);
          expect(Math.round(next - phaseMs(key, intervalMs)) % intervalMs).toBe(0);
          expect(next - start).toBeGreaterThanOrEqual(intervalMs / 2);
          expect(next - start).toBeLessThan(1.5 * intervalMs + 1);
        },
      ),
    );
  });

  it('keeps the interval of a check that is on its grid', () => {
    const one = check('web');
    const at = nextOnGrid(one, 1_000_000);
    expect(nextRun(one, at, undefined)).toBe(at + 30_000);
  });

  it('runs sooner on request, never later', () => {
    expect(nextRun(check('web'), 5_000, 2_000)).toBe(7_000);
    expect(nextRun(check('web'), 5_000, 90_000)).toBe(nextRun(check('web'), 5_000, undefined));
  });

  it('starts 1,000 checks within five seconds and never beyond their interval', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 100_000 }), (key, count) => {
        const at = firstRun(check(key), 1_000, count);
        expect(at).toBeGreaterThanOrEqual(1_000);
        expect(at).toBeLessThanOrEqual(1_000 + Math.min(30_000, Math.max(1_000, count * 5)));
      }),
    );
  });
});
