/** What a group says about a family: a `Family` of metrics has this shape. */
export interface FamilyInput {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram' | 'untyped';
  readonly help: string;
}

/** A classic histogram: upper bounds without +Inf, cumulative counts (one longer), sum. */
export interface HistogramInput {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

export type ValueInput = number | HistogramInput;

/** One measured value. Its labels must not be changed after they were handed over. */
export interface SampleInput {
  readonly family: FamilyInput;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: ValueInput;
}

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const UNSAFE = /[\\"\n\p{Surrogate}]/u;

/**
 * Renders labels as `a="b",c="d"`, sorted by name and escaped as text 0.0.4 wants it; without braces.
 * @throws TypeError for a label name that Prometheus would not take
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 */
export function renderLabels(labels: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name of Object.keys(labels).sort()) {
    if (!LABEL_NAME.test(name))
      throw new TypeError(`"${name}" is not a label name; expected letters, digits and _`);
    text += `${text === '' ? '' : ','}${name}="${escapeLabelValue(labels[name] ?? '')}"`;
  }
  return text;
}

/** Two label sets that Prometheus takes for the same have the same identity: an empty label is no label. */
export function labelIdentity(labels: Readonly<Record<string, string>>, rendered: string): string {
  if (!rendered.includes('=""')) return rendered;
  return renderLabels(Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')));
}

function escapeLabelValue(value: string): string {
  if (!UNSAFE.test(value)) return value;
  // a lone surrogate has no UTF-8: it becomes U+FFFD here, so that identity and bytes agree
  return value
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n');
}

/** Writes a value: integers, shortest doubles, `NaN`, `+Inf`, `-Inf`, `-0`. */
export function formatValue(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}

/** The text before each value of a series: `name{labels} `; a histogram has one for each bucket, then sum and count. */
export function linePrefixes(family: FamilyInput, rendered: string, value: ValueInput): readonly string[] {
  const braced = rendered === '' ? '' : `{${rendered}}`;
  if (typeof value === 'number') return [`${family.name}${braced} `];
  const before = rendered === '' ? '' : `${rendered},`;
  const bounds = [...value.bounds, Infinity];
  return [
    ...bounds.map((bound) => `${family.name}_bucket{${before}le="${formatValue(bound)}"} `),
    `${family.name}_sum${braced} `,
    `${family.name}_count${braced} `,
  ];
}

/** Whether two values have the same lines, so that their prefixes can be kept. */
export function sameShape(one: ValueInput, other: ValueInput): boolean {
  if (typeof one === 'number' || typeof other === 'number') return typeof one === typeof other;
  if (one.bounds === other.bounds) return true;
  return (
    one.bounds.length === other.bounds.length && one.bounds.every((bound, i) => bound === other.bounds[i])
  );
}
