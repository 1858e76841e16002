import type { FamilyHeader, FamilyType, Sample } from '../exposition/table/samples.ts';

export type { FamilyType, HistogramValue, Sample, SummaryValue } from '../exposition/table/samples.ts';

/**
 * A metric family: declared once, beside the code that measures it; the catalogue collects all of them. Counters end in
 * `_total`.
 * @see https://prometheus.io/docs/concepts/data_model/
 */
export interface Family extends FamilyHeader {
  /** Names of its labels, fixed in code (the labels of the check are added by the writer). */
  readonly labels: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

/** Declares a family: `defineFamily('counter', 'node_intr_total', 'Interrupts served.')`. */
export function defineFamily(
  type: FamilyType,
  name: string,
  help: string,
  labels: readonly string[] = [],
): Family {
  return { name, type, help, labels };
}

/** Creates a sample: `sample(family, 1, { state: 'healthy' })`. */
export function sample(family: Family, value: Sample['value'], labels: Labels = {}): Sample {
  return { family, labels, value };
}
