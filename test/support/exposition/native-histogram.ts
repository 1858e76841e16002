import type { NativeBuckets, NativeHistogram } from '../../../src/exposition/table/samples.ts';

/** Counts by the index of their bucket. */
export function countsByBucket({ positive, negative }: NativeHistogram): {
  readonly positive: ReadonlyMap<number, number>;
  readonly negative: ReadonlyMap<number, number>;
} {
  return { positive: expand(positive), negative: expand(negative) };
}

function expand({ spans, deltas }: NativeBuckets): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  let [index, count, used] = [0, 0, 0];
  for (const { offset, length } of spans) {
    index += offset;
    for (let i = 0; i < length; i += 1) {
      count += deltas[used] ?? Number.NaN;
      used += 1;
      counts.set(index, count);
      index += 1;
    }
  }
  if (used !== deltas.length) throw new Error(`spans are ${used} long, deltas ${deltas.length}`);
  return counts;
}

/** The logarithmic middle of the bucket that holds a quantile of positive observations. */
export function quantileOf(native: NativeHistogram, quantile: number): number {
  const buckets = [...countsByBucket(native).positive].sort(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  const rank = Math.max(1, Math.ceil(quantile * total));
  let seen = 0;
  for (const [index, count] of buckets) {
    seen += count;
    if (seen >= rank) return 2 ** ((index - 0.5) / 2 ** native.schema);
  }
  throw new Error('there are no observations');
}
