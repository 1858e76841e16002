import type { EpochMs } from '../../domain/clock.ts';

/** Metric types of Prometheus's text format that Tocsin exposes. */
export type FamilyType = 'gauge' | 'counter' | 'histogram' | 'summary' | 'untyped';

/** What a page shows of a metric family before its samples. */
export interface FamilyHeader {
  /** Name of the family and, except for histograms and summaries, of its samples. */
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
}

/** An exemplar: one observation of a bucket. OpenMetrics and protobuf carry it. */
export interface Exemplar {
  /** Names and values together have at most 128 characters: longer ones are left out. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly timestampMs: EpochMs;
}

/** Buckets of a native histogram: spans of neighbouring buckets, and counts as differences to the previous bucket. */
export interface NativeBuckets {
  /** `offset` is the index of the first span's first bucket, then the gap since the last span's end. */
  readonly spans: readonly { readonly offset: number; readonly length: number }[];
  readonly deltas: readonly number[];
}

/**
 * The native form of a histogram; protobuf carries it.
 * @see https://prometheus.io/docs/specs/native_histograms/
 */
export interface NativeHistogram {
  /** Each power of two is divided into 2^schema buckets. */
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly positive: NativeBuckets;
  readonly negative: NativeBuckets;
}

/** A histogram: upper bounds without +Inf, cumulative counts (one longer), sum. Must not be changed once handed over. */
export interface HistogramValue {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
  /** For each of `counts` the last observation in that bucket, where there is one. */
  readonly exemplars?: readonly (Exemplar | undefined)[];
  /** The same observations in native buckets. */
  readonly native?: NativeHistogram;
}

/** A precomputed summary; `values[i]` is the quantile `quantiles[i]`. */
export interface SummaryValue {
  readonly quantiles: readonly number[];
  readonly values: readonly number[];
  readonly sum: number;
  readonly count: number;
}

export type CompoundValue = HistogramValue | SummaryValue;
export type SampleValue = number | CompoundValue;

/** One measured value. Its labels must not be changed once handed over. */
export interface Sample {
  readonly family: FamilyHeader;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: SampleValue;
}

/** The upper bounds or quantiles of a series' lines; undefined for a plain number. */
export function boundsOf(value: SampleValue): readonly number[] | undefined {
  if (typeof value === 'number') return undefined;
  return 'bounds' in value ? value.bounds : value.quantiles;
}

/** The numbers of a histogram or summary, in the order of its lines. */
export function numbersOf(value: CompoundValue): readonly number[] {
  if ('bounds' in value) return [...value.counts, value.sum, value.counts.at(-1) ?? 0];
  return [...value.values, value.sum, value.count];
}

/** How many lines a series has. A histogram has one more than bounds, then sum and count; a summary no line for +Inf. */
export function lineCount(type: FamilyType, bounds: readonly number[] | undefined): number {
  if (bounds === undefined) return 1;
  return bounds.length + (type === 'histogram' ? 3 : 2);
}

/**
 * Whether a value fits its family.
 * @throws TypeError that says why it does not
 */
export function checkValue({ family, labels, value }: Sample): void {
  const { name, type } = family;
  if (typeof value === 'number') {
    if (type !== 'histogram' && type !== 'summary') return;
    throw new TypeError(`a sample of the ${type} ${name} has a value of the wrong type`);
  }
  if (type !== ('bounds' in value ? 'histogram' : 'summary')) {
    throw new TypeError(`a sample of the ${type} ${name} has a value of the wrong type`);
  }
  if ('bounds' in value) {
    if (value.counts.length === value.bounds.length + 1 && !('le' in labels)) return;
    throw new TypeError(
      `a sample of the histogram ${name} needs one count more than bounds, and no label le`,
    );
  }
  if (value.values.length === value.quantiles.length && !('quantile' in labels)) return;
  throw new TypeError(
    `a sample of the summary ${name} needs as many values as quantiles, and no label quantile`,
  );
}
