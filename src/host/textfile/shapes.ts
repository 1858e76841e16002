import type { HistogramValue, Labels, Sample, SummaryValue } from '../../metrics/family.ts';
import { parseValue, TextfileError, type SampleLine } from './line.ts';

/** Compares label sets as Prometheus does: order is irrelevant, and an empty label is the same as no label. */
export function identityOf(labels: Labels): string {
  return JSON.stringify(
    Object.entries(labels)
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** A series that consists of several lines. */
interface Assembled {
  readonly labels: Labels;
  /** The line where it begins. */
  readonly line: number;
  readonly value: Sample['value'];
}

/** The series of a family, and the errors of those that are left out. */
export interface AssembledFamily {
  readonly series: readonly Assembled[];
  readonly problems: readonly TextfileError[];
}

/** The kind of series that the lines make up. */
interface Shape {
  readonly kind: string;
  /** The suffix of the lines that have a number as label (buckets, quantiles). */
  readonly suffix: string;
  /** The label with that number. */
  readonly key: string;
}

const HISTOGRAM: Shape = { kind: 'histogram', suffix: '_bucket', key: 'le' };
const SUMMARY: Shape = { kind: 'summary', suffix: '', key: 'quantile' };

interface Point {
  readonly at: number;
  readonly value: number;
  readonly line: number;
}

interface Draft {
  readonly labels: Labels;
  readonly line: number;
  readonly points: Point[];
  sum?: number;
  count?: number;
}

/**
 * Missing lines count as 0, as in node_exporter: some files have only the quantiles. The count of a histogram is that
 * of its largest bucket.
 * @throws {TextfileError} for a line that a histogram does not have
 */
export function assembleHistograms(name: string, samples: readonly SampleLine[]): AssembledFamily {
  return assemble(drafts(HISTOGRAM, name, samples), (draft) => histogram(name, draft));
}

/** @throws {TextfileError} for a line that a summary does not have */
export function assembleSummaries(name: string, samples: readonly SampleLine[]): AssembledFamily {
  return assemble(drafts(SUMMARY, name, samples), (draft) => summary(name, draft));
}

function assemble(all: readonly Draft[], valueOf: (draft: Draft) => Sample['value']): AssembledFamily {
  const series: Assembled[] = [];
  const problems: TextfileError[] = [];
  for (const draft of all) {
    try {
      series.push({ labels: draft.labels, line: draft.line, value: valueOf(draft) });
    } catch (error) {
      if (!(error instanceof TextfileError)) throw error;
      problems.push(error);
    }
  }
  return { series, problems };
}

function drafts(shape: Shape, name: string, samples: readonly SampleLine[]): Draft[] {
  const byLabels = new Map<string, Draft>();
  for (const sample of samples) {
    const { [shape.key]: key, ...labels } = sample.labels;
    const identity = identityOf(labels);
    const draft = byLabels.get(identity) ?? { labels, line: sample.line, points: [] };
    byLabels.set(identity, draft);
    if (sample.name === name + shape.suffix) draft.points.push(point(shape, key, sample));
    else putTotal(draft, { shape, name, key }, sample);
  }
  return [...byLabels.values()];
}

function point({ key }: Shape, text: string | undefined, { name, value, line }: SampleLine): Point {
  const at = parseValue(text ?? '');
  if (at === undefined || Number.isNaN(at))
    throw new TextfileError(line, `${name} has ${key}="${text ?? ''}": expected a number`);
  return { at, value, line };
}

function putTotal(
  draft: Draft,
  { shape, name, key }: { shape: Shape; name: string; key: string | undefined },
  sample: SampleLine,
): void {
  const part = sample.name === `${name}_sum` ? 'sum' : sample.name === `${name}_count` ? 'count' : undefined;
  if (part === undefined || key !== undefined)
    throw new TextfileError(
      sample.line,
      `${name} is a ${shape.kind}: expected ${name}${shape.suffix}{${shape.key}="…"}, and ${name}_sum and ${name}_count without it`,
    );
  draft[part] = sample.value;
}

/**
 * Sorted by their bounds; of a duplicate bound the last one counts, as for a sum or a count. node_exporter does the
 * same.
 */
function sorted({ points }: Draft): Point[] {
  return [...new Map(points.map((one) => [one.at, one])).values()].sort((a, b) => a.at - b.at);
}

function requireCount(name: string, line: number, count: number): number {
  if (count >= 0 && Number.isFinite(count)) return count;
  throw new TextfileError(line, `${name}_count is ${count}: expected a count`);
}

function histogram(name: string, draft: Draft): HistogramValue {
  const points = sorted(draft);
  let below = 0;
  for (const { value, line } of points) {
    if (!(value >= below))
      throw new TextfileError(line, `the buckets of ${name} decrease: expected cumulative counts`);
    below = value;
  }
  const count = requireCount(name, draft.line, draft.count ?? below);
  const infinite = points.at(-1)?.at === Infinity;
  if (infinite ? below !== count : below > count)
    throw new TextfileError(draft.line, `the buckets of ${name} do not add up to ${name}_count`);
  const finite = infinite ? points.slice(0, -1) : points;
  return {
    bounds: finite.map(({ at }) => at),
    counts: [...finite.map(({ value }) => value), count],
    sum: draft.sum ?? 0,
  };
}

function summary(name: string, draft: Draft): SummaryValue {
  const points = sorted(draft);
  return {
    quantiles: points.map(({ at }) => at),
    values: points.map(({ value }) => value),
    sum: draft.sum ?? 0,
    count: requireCount(name, draft.line, draft.count ?? 0),
  };
}
