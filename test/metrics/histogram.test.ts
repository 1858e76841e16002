import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Histogram } from '../../src/metrics/histogram.ts';
import { bucketIndex, NativeCounts } from '../../src/metrics/native-buckets.ts';
import { countsByBucket, quantileOf } from '../support/exposition/native-histogram.ts';

const HOUR = 3_600_000;

/** Positive numbers of every size. */
const anyPositive = fc.oneof(
  fc.double({ min: 2 ** -127, noNaN: true, noDefaultInfinity: true }),
  fc.double({ min: 1e-4, max: 100, noNaN: true }),
  fc.integer({ min: -120, max: 1_023 }).map((n) => 2 ** n),
  fc.constant(Number.MAX_VALUE),
);

function observed(values: readonly number[]) {
  const counts = new NativeCounts();
  for (const value of values) counts.observe(value);
  return counts.value();
}

describe('the bucket of a native histogram', () => {
  it('is the one that contains the number, including its upper bound', () => {
    fc.assert(
      fc.property(anyPositive, fc.integer({ min: -4, max: 3 }), (value, schema) => {
        const index = bucketIndex(value, schema);
        const width = 2 ** -schema;
        // as logarithms, since the bounds of the last buckets are not doubles; 1e-13 covers their rounding
        const at = Math.log2(value);
        expect(at).toBeLessThanOrEqual(index * width + 1e-12 * Math.max(1, Math.abs(at)));
        expect(at).toBeGreaterThan((index - 1) * width - 1e-12 * Math.max(1, Math.abs(at)));
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    [1, 3, 0],
    [2, 3, 8],
    [1.0000000000000002, 3, 1],
    [0.5, 3, -8],
    [1, 0, 0],
    [1.5, 0, 1],
    [2, 0, 1],
    [4, -1, 1],
    [4.1, -1, 2],
    [65_536, -4, 1],
    [Number.MAX_VALUE, 3, 8_192],
    [Infinity, 3, 8_193],
  ])('of %d with schema %d is %d', (value, schema, index) => {
    expect(bucketIndex(value, schema)).toBe(index);
  });
});

describe('a native histogram', () => {
  it('counts each observation in one bucket', () => {
    const anyValue = fc.oneof(
      anyPositive,
      anyPositive.map((n) => -n),
      fc.constantFrom(0, -0, 5e-324, -1e-300),
    );
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 200 }), (values) => {
        const native = observed(values);
        const { positive, negative } = countsByBucket(native);
        const total = [...positive, ...negative].reduce((sum, [, count]) => sum + count, native.zeroCount);
        expect(total).toBe(values.length);
        for (const [buckets, sign] of [[positive, 1] as const, [negative, -1] as const]) {
          const expected = new Map<number, number>();
          for (const value of values) {
            if (value * sign <= native.zeroThreshold) continue;
            const index = bucketIndex(value * sign, native.schema);
            expected.set(index, (expected.get(index) ?? 0) + 1);
          }
          expect(new Map([...buckets].filter(([, count]) => count > 0))).toEqual(expected);
        }
      }),
    );
  });

  it('estimates quantiles within half of a bucket, which is 4.5 %', () => {
    const anySeconds = fc.array(fc.double({ min: 1e-3, max: 60, noNaN: true }), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(anySeconds, fc.double({ min: 0, max: 1, noNaN: true }), (values, quantile) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)] ?? 0;
        const error = Math.abs(quantileOf(observed(values), quantile) / exact - 1);
        expect(error).toBeLessThan(2 ** (1 / 16) - 1 + 1e-9);
      }),
    );
  });

  it('writes small gaps as zeros and starts a span after large ones', () => {
    // buckets 0, 1, 4 (a gap of two) and 8 (a gap of three)
    const native = observed([1, 1, 2 ** (1 / 8) * 0.999, 2 ** 0.5 * 0.999, 2]);
    expect(native.positive).toEqual({
      spans: [
        { offset: 0, length: 5 },
        { offset: 3, length: 1 },
      ],
      deltas: [2, -1, -1, 0, 1, 0],
    });
  });

  it('halves its resolution when there are more than 160 buckets', () => {
    const values = Array.from({ length: 161 }, (_, i) => 2 ** (i / 8) * 0.999);
    expect(observed(values.slice(0, 160)).schema).toBe(3);
    const native = observed(values);
    expect(native.schema).toBe(2);
    const { positive } = countsByBucket(native);
    expect(positive.size).toBeLessThanOrEqual(81);
    expect([...positive.values()].reduce((a, b) => a + b)).toBe(161);
  });

  it('puts NaN in no bucket', () => {
    expect(observed([NaN, 1]).positive.deltas).toEqual([1]);
  });
});

describe('a histogram', () => {
  it('counts below each bound, cumulatively, with the last exemplar of each bucket', () => {
    const histogram = new Histogram([1, 5]);
    histogram.observe(0.5, { at: 1_000, exemplar: { run_id: 'a' } });
    histogram.observe(1, { at: 2_000, exemplar: { run_id: 'b' } });
    histogram.observe(7, { at: 3_000 });
    const { bounds, counts, sum, exemplars, native } = histogram.value();
    expect({ bounds, counts, sum }).toEqual({ bounds: [1, 5], counts: [2, 2, 3], sum: 8.5 });
    expect(exemplars).toEqual([
      { labels: { run_id: 'b' }, value: 1, timestampMs: 2_000 },
      undefined,
      undefined,
    ]);
    expect(native?.schema).toBe(3);
  });

  it('keeps a returned value unchanged while it continues to count', () => {
    const histogram = new Histogram([1]);
    histogram.observe(0.5, { at: 0, exemplar: { run_id: 'a' } });
    const before = histogram.value();
    histogram.observe(0.5, { at: 0, exemplar: { run_id: 'b' } });
    expect([before.counts, before.exemplars?.[0]?.labels]).toEqual([[1, 1], { run_id: 'a' }]);
  });

  it('resets to regain its resolution, at most once an hour', () => {
    const histogram = new Histogram([1]);
    const wide = Array.from({ length: 170 }, (_, i) => 2 ** (i / 8) * 0.999);
    for (const value of wide) histogram.observe(value, { at: 0 });
    expect([histogram.value().native?.schema, histogram.value().counts.at(-1)]).toEqual([2, 170]);
    histogram.observe(3, { at: HOUR - 1 });
    expect(histogram.value().counts.at(-1)).toBe(171);
    histogram.observe(3, { at: HOUR });
    expect(histogram.value()).toMatchObject({ counts: [0, 1], sum: 3, native: { schema: 3 } });
  });
});
