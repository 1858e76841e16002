import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BodyBudget, BodyError } from '../../src/http/body-budget.ts';

function budgetOf(max: number, fair: boolean) {
  const clock = { now: 0 };
  const lost: string[] = [];
  const budget = new BodyBudget({ max: () => max, monotonic: () => clock.now, fair });
  const share = (address: string, name = address) => budget.reserve(address, () => lost.push(name));
  return { clock, lost, budget, share };
}

describe('the body budget', () => {
  it('counts received bytes until they are released, and admits a single body of any size', () => {
    const { budget, share } = budgetOf(1_000, false);
    const [one, two] = [share('192.0.2.1'), share('192.0.2.2')];
    one.grow(900);
    expect(() => two.grow(200)).toThrow(BodyError);
    one.release();
    one.release();
    two.grow(500);
    two.grow(5_000);
    expect(budget.held).toBe(5_000);
  });

  it('evicts an upload that has stalled, and none that progresses or is complete', () => {
    const { clock, lost, share } = budgetOf(1_000, false);
    const [stalled, moving, whole, next] = ['stalled', 'moving', 'whole', 'next'].map((name, i) =>
      share(`192.0.2.${i}`, name),
    );
    for (const one of [stalled, moving, whole]) one?.grow(300);
    if (whole !== undefined) whole.uploading = false;
    clock.now = 1_900;
    moving?.grow(301);
    clock.now = 2_000;
    next?.grow(300);
    expect(lost).toEqual(['stalled']);
    expect(() => next?.grow(500)).toThrow('deliveries in progress is full');
  });

  it('evicts from an address that holds more than the newcomer would', () => {
    const { lost, share } = budgetOf(1_000, true);
    share('192.0.2.1', 'small').grow(200);
    share('192.0.2.1', 'large').grow(700);
    share('192.0.2.9', 'newcomer').grow(150);
    expect(lost).toEqual(['large']);
    const { share: other } = budgetOf(1_000, true);
    other('2001:db8::1').grow(900);
    expect(() => other('2001:db8::2').grow(200)).toThrow('deliveries in progress is full');
  });

  it('never exceeds its maximum except for a single body, and always admits a small one', () => {
    const step = fc.record({
      address: fc.integer({ min: 1, max: 4 }),
      bytes: fc.integer({ min: 1, max: 900 }),
      wait: fc.constantFrom(0, 0, 100, 3_000),
      end: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, budget, share } = budgetOf(1_000, true);
        const ends: (() => void)[] = [];
        for (const { address, bytes, wait, end } of steps) {
          clock.now += wait;
          const one = share(`192.0.2.${address}`);
          try {
            one.grow(bytes);
            ends.push(() => one.release());
          } catch (error) {
            expect(error).toBeInstanceOf(BodyError);
            one.release();
          }
          if (end) ends.shift()?.();
          expect(budget.held).toBeLessThanOrEqual(1_000);
        }
        const newcomer = share('198.51.100.1');
        newcomer.grow(100);
        expect(newcomer.bytes).toBe(100);
        newcomer.release();
        for (const end of ends) end();
        expect(budget.held).toBe(0);
      }),
    );
  });
});
