import type { ExemplarInput, NativeInput } from '../exposition/table/samples.ts';

/** Metric types of Prometheus's text format that Tocsin exposes. */
export type FamilyType = 'gauge' | 'counter' | 'histogram' | 'summary' | 'untyped';

/**
 * A metric family: declared once, beside the code that measures it; the catalogue collects all of them.
 * @see https://prometheus.io/docs/concepts/data_model/
 */
export interface Family {
  /** Name of the family and, except for histograms and summaries, of its samples; counters end in `_total`. */
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string;
  /** Names of its labels, fixed in code (the labels of the check are added by the writer). */
  readonly labels: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

/** A histogram's value. */
export interface HistogramValue {
  /** Upper bounds, ascending, without +Inf. */
  readonly bounds: readonly number[];
  /** Observations at or below each bound (cumulative), then the total: one longer than `bounds`. */
  readonly counts: readonly number[];
  readonly sum: number;
  /** For each of `counts` the last observation in that bucket that can be looked up, where there is one. */
  readonly exemplars?: readonly (ExemplarInput | undefined)[];
  /** The same observations in native buckets. */
  readonly native?: NativeInput;
}

/** A precomputed summary; `values[i]` is the quantile `quantiles[i]`. */
export interface SummaryValue {
  /** Ascending, 0 to 1. */
  readonly quantiles: readonly number[];
  readonly values: readonly number[];
  readonly sum: number;
  readonly count: number;
}

/** One measured value of a family. */
export interface Sample {
  readonly family: Family;
  readonly labels: Labels;
  readonly value: number | HistogramValue | SummaryValue;
}

/** Creates a sample: `sample(family, 1, { state: 'healthy' })`. */
export function sample(family: Family, value: Sample['value'], labels: Labels = {}): Sample {
  return { family, labels, value };
}
