import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SeriesBudget } from '../../../src/exposition/table/series-budget.ts';

describe('the budget of series', () => {
  it('admits up to its limits, in total and per family', () => {
    const budget = new SeriesBudget({ maxSeries: 5, maxSeriesPerFamily: 3 });
    expect([1, 2, 3, 4].map(() => budget.admit('up'))).toEqual([true, true, true, false]);
    expect([1, 2, 3].map(() => budget.admit('down'))).toEqual([true, true, false]);
    budget.release('up');
    expect([budget.admit('down'), budget.admit('up')]).toEqual([true, false]);
    expect([budget.total, budget.of('up'), budget.of('down'), budget.of('other')]).toEqual([5, 2, 3, 0]);
  });

  it('admits a sample of many series completely or not at all', () => {
    const budget = new SeriesBudget({ maxSeries: 100, maxSeriesPerFamily: 20 });
    expect([budget.admit('seconds', 16), budget.admit('seconds', 16)]).toEqual([true, false]);
    expect([budget.admit('seconds', 4), budget.total]).toEqual([true, 20]);
    budget.release('seconds', 16);
    expect(budget.total).toBe(4);
  });

  it('keeps admitted series when its limits are lowered, and admits no more until there is room', () => {
    const budget = new SeriesBudget({ maxSeries: 10, maxSeriesPerFamily: 10 });
    budget.admit('up', 8);
    budget.configure({ maxSeries: 5, maxSeriesPerFamily: 5 });
    expect([budget.total, budget.admit('up'), budget.admit('down')]).toEqual([8, false, false]);
    budget.release('up', 4);
    expect([budget.admit('up'), budget.admit('down')]).toEqual([true, false]);
  });

  it('refuses to release more than was admitted, and limits that admit nothing', () => {
    const budget = new SeriesBudget({ maxSeries: 10, maxSeriesPerFamily: 10 });
    budget.admit('up', 2);
    expect(() => budget.release('up', 3)).toThrow('3 series of up cannot be released: it has 2');
    expect(() => budget.release('down')).toThrow(RangeError);
    expect(budget.total).toBe(2);
    expect(() => new SeriesBudget({ maxSeries: 0, maxSeriesPerFamily: 1 })).toThrow(RangeError);
  });

  it('never exceeds its limits, and is empty when everything is released', () => {
    const step = fc.record({
      family: fc.constantFrom('a', 'b', 'c'),
      series: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const budget = new SeriesBudget({ maxSeries: 40, maxSeriesPerFamily: 20 });
        const inside: typeof steps = [];
        for (const each of steps) {
          if (budget.admit(each.family, each.series)) inside.push(each);
          else if (inside.length > 0) release(budget, inside);
          expect(budget.total).toBe(inside.reduce((sum, { series }) => sum + series, 0));
          expect(budget.total).toBeLessThanOrEqual(40);
          for (const family of ['a', 'b', 'c']) expect(budget.of(family)).toBeLessThanOrEqual(20);
        }
        while (inside.length > 0) release(budget, inside);
        expect([budget.total, budget.of('a'), budget.of('b'), budget.of('c')]).toEqual([0, 0, 0, 0]);
      }),
    );
  });
});

function release(budget: SeriesBudget, inside: { family: string; series: number }[]): void {
  const first = inside.shift();
  if (first !== undefined) budget.release(first.family, first.series);
}
