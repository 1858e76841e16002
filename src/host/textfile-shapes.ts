import type { HistogramValue, Labels, Sample, SummaryValue } from '../metrics/family.ts';
import { parseValue, TextfileError, type SampleLine } from './textfile-line.ts';

/** Tells label sets apart as Prometheus does: order does not count, and an empty label is no label. */
export function identityOf(labels: Labels): string {
  return JSON.stringify(
    Object.entries(labels)
      .filter(([, value]) => value !== '')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** A series that several lines tell. */
interface Assembled {
  readonly labels: Labels;
  /** Where it begins. */
  readonly line: number;
  readonly value: Sample['value'];
}

/** What kind of series the lines are to make. */
interface Shape {
  readonly kind: string;
  /** What the lines with a number of their own (buckets, quantiles) add to the name. */
  readonly suffix: string;
  /** The label that holds that number. */
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

type Whole = Required<Draft>;

/** @throws {TextfileError} for a histogram that is not whole, or whose buckets fall */
export function assembleHistograms(name: string, samples: readonly SampleLine[]): Assembled[] {
  return drafts(HISTOGRAM, name, samples).map((draft) => ({
    labels: draft.labels,
    line: draft.line,
    value: histogram(name, draft),
  }));
}

/** @throws {TextfileError} for a summary that is not whole */
export function assembleSummaries(name: string, samples: readonly SampleLine[]): Assembled[] {
  return drafts(SUMMARY, name, samples).map((draft) => ({
    labels: draft.labels,
    line: draft.line,
    value: summary(draft),
  }));
}

function drafts(shape: Shape, name: string, samples: readonly SampleLine[]): Whole[] {
  const byLabels = new Map<string, Draft>();
  for (const sample of samples) {
    const { [shape.key]: key, ...labels } = sample.labels;
    const identity = identityOf(labels);
    const draft = byLabels.get(identity) ?? { labels, line: sample.line, points: [] };
    byLabels.set(identity, draft);
    if (sample.name === name + shape.suffix) draft.points.push(point(shape, key, sample));
    else putTotal(draft, { shape, name, key }, sample);
  }
  return [...byLabels.values()].map((draft) => whole(shape, name, draft));
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
  if (draft[part] !== undefined)
    throw new TextfileError(sample.line, `${sample.name} twice with the same labels: expected once`);
  draft[part] = sample.value;
}

function whole({ kind, key }: Shape, name: string, draft: Draft): Whole {
  const { labels, line, sum, count } = draft;
  if (sum === undefined || count === undefined)
    throw new TextfileError(line, `the ${kind} ${name} is not whole: expected ${name}_sum and ${name}_count`);
  if (!(count >= 0) || !Number.isFinite(count))
    throw new TextfileError(line, `${name}_count is ${count}: expected a count`);
  const points = draft.points.sort((a, b) => a.at - b.at);
  const twice = points.find(({ at }, i) => at === points[i - 1]?.at);
  if (twice !== undefined)
    throw new TextfileError(twice.line, `${name} has ${key}="${twice.at}" twice: expected once`);
  return { labels, line, points, sum, count };
}

function histogram(name: string, { line, points, sum, count }: Whole): HistogramValue {
  let below = 0;
  for (const { value, line: at } of points) {
    if (!(value >= below))
      throw new TextfileError(at, `buckets of ${name} that fall: expected each to hold those below`);
    below = value;
  }
  const infinite = points.at(-1)?.at === Infinity;
  if (infinite ? below !== count : below > count)
    throw new TextfileError(line, `the buckets of ${name} do not add up to ${name}_count`);
  const finite = infinite ? points.slice(0, -1) : points;
  return { bounds: finite.map(({ at }) => at), counts: [...finite.map(({ value }) => value), count], sum };
}

function summary({ points, sum, count }: Whole): SummaryValue {
  return { quantiles: points.map(({ at }) => at), values: points.map(({ value }) => value), sum, count };
}
