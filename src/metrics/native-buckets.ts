import type { NativeBuckets, NativeHistogram } from '../exposition/table/samples.ts';

/** Observations closer to 0 than this count as 0: client_golang's threshold. */
const ZERO_THRESHOLD = 2 ** -128;
/** The most buckets before the resolution is halved. */
const MOST_BUCKETS = 160;
const FINEST_SCHEMA = 3;
const COARSEST_SCHEMA = -4;
/** A gap of at most this many empty buckets is encoded as empty buckets; a larger one begins a new span. */
const LARGEST_GAP = 2;

/** Lower ends of the eight buckets into which schema 3 divides the numbers from ½ to 1. */
const EIGHTHS: readonly number[] = [
  0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048, 0.7071067811865475, 0.7711054127039704,
  0.8408964152537144, 0.9170040432046711,
];

/**
 * The counts of a native histogram: exponential buckets that need no configuration. With schema 3 a power of two has
 * eight, each 9 % wider than the previous one; beyond 160 of them neighbours are merged, as client_golang does.
 * @see https://prometheus.io/docs/specs/native_histograms/
 */
export class NativeCounts {
  #schema = FINEST_SCHEMA;
  #zeroCount = 0;
  #positive = new Map<number, number>();
  #negative = new Map<number, number>();

  /** Whether neighbouring buckets were merged. */
  get coarse(): boolean {
    return this.#schema < FINEST_SCHEMA;
  }

  /** NaN is in no bucket. */
  observe(value: number): void {
    if (Number.isNaN(value)) return;
    if (Math.abs(value) <= ZERO_THRESHOLD) {
      this.#zeroCount += 1;
      return;
    }
    const index = bucketIndex(Math.abs(value), this.#schema);
    const counts = value > 0 ? this.#positive : this.#negative;
    counts.set(index, (counts.get(index) ?? 0) + 1);
    while (this.#positive.size + this.#negative.size > MOST_BUCKETS && this.#schema > COARSEST_SCHEMA) {
      this.#schema -= 1;
      this.#positive = halved(this.#positive);
      this.#negative = halved(this.#negative);
    }
  }

  value(): NativeHistogram {
    return {
      schema: this.#schema,
      zeroThreshold: ZERO_THRESHOLD,
      zeroCount: this.#zeroCount,
      positive: bucketsOf(this.#positive),
      negative: bucketsOf(this.#negative),
    };
  }
}

/**
 * The bucket that a number above 0 is in: the i-th ends at 2^(i / 2^schema), which belongs to it. Infinity is in the
 * bucket after the last finite one.
 */
export function bucketIndex(value: number, schema: number): number {
  if (value === Infinity) return bucketIndex(Number.MAX_VALUE, schema) + 1;
  const { fraction, exponent } = split(value);
  if (schema <= 0) return Math.ceil((fraction === 0.5 ? exponent - 1 : exponent) / 2 ** -schema);
  const step = 2 ** (FINEST_SCHEMA - schema);
  const below = EIGHTHS.filter((end, i) => i % step === 0 && end < fraction).length;
  return below + (exponent - 1) * 2 ** schema;
}

/** A normal number as a fraction from ½ (included) to 1, times a power of two. */
function split(value: number): { readonly fraction: number; readonly exponent: number } {
  let exponent = Math.floor(Math.log2(value)) + 1;
  // the logarithm is rounded: close to a power of two it may be off by one
  while (value * 2 ** -exponent >= 1) exponent += 1;
  while (value * 2 ** -exponent < 0.5) exponent -= 1;
  return { fraction: value * 2 ** -exponent, exponent };
}

/** Merges each two neighbours. */
function halved(counts: ReadonlyMap<number, number>): Map<number, number> {
  const wider = new Map<number, number>();
  for (const [index, count] of counts) {
    const at = Math.ceil(index / 2) + 0;
    wider.set(at, (wider.get(at) ?? 0) + count);
  }
  return wider;
}

function bucketsOf(counts: ReadonlyMap<number, number>): NativeBuckets {
  const spans: { offset: number; length: number }[] = [];
  const deltas: number[] = [];
  let [next, last] = [0, 0];
  const append = (span: { length: number }, count: number) => {
    span.length += 1;
    deltas.push(count - last);
    last = count;
  };
  for (const [index, count] of [...counts].sort(([a], [b]) => a - b)) {
    const gap = index - next;
    let span = spans.at(-1);
    if (span === undefined || gap > LARGEST_GAP) {
      span = { offset: gap, length: 0 };
      spans.push(span);
    } else {
      for (let i = 0; i < gap; i += 1) append(span, 0);
    }
    append(span, count);
    next = index + 1;
  }
  return { spans, deltas };
}
