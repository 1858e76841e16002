import type { HistogramValue, Sample, SummaryValue } from '../../../src/exposition/table/samples.ts';

/**
 * Writes samples in text 0.0.4 or OpenMetrics 1.0, as simply as possible: sorted, joined and without caching.
 * The output of the engine is compared with it, byte for byte. For names that need no quotes.
 */
export function plainExposition(samples: readonly Sample[], openMetrics: boolean): string {
  const families = new Map<string, Sample[]>();
  for (const one of samples) {
    const { name } = one.family;
    families.set(name, [...(families.get(name) ?? []), one]);
  }
  const names = [...families.keys()].sort();
  const text = names.map((name) => familyText(families.get(name) ?? [], openMetrics)).join('');
  return openMetrics && text !== '' ? `${text}# EOF\n` : text;
}

function familyText(samples: readonly Sample[], openMetrics: boolean): string {
  const [first] = samples;
  if (first === undefined) return '';
  const { name, help, type } = first.family;
  const lines = samples
    .map((sample) => ({ labels: labelText(sample.labels), sample }))
    .sort((a, b) => (a.labels < b.labels ? -1 : 1))
    .flatMap(({ labels, sample }) => sampleLines(name, labels, sample, openMetrics));
  const total = openMetrics && type === 'counter' && name.endsWith('_total');
  const base = total ? name.slice(0, -6) : name;
  const unit = /_(seconds|bytes)$/.exec(base)?.[1];
  const escaped = well(help).replace(openMetrics ? /[\\"\n]/g : /[\\\n]/g, escape);
  const kind = openMetrics && (type === 'untyped' || (type === 'counter' && !total)) ? 'unknown' : type;
  return [
    `# HELP ${base} ${escaped}`,
    `# TYPE ${base} ${kind}`,
    ...(openMetrics && unit !== undefined ? [`# UNIT ${base} ${unit}`] : []),
    ...lines,
    '',
  ].join('\n');
}

function sampleLines(name: string, labels: string, { value }: Sample, openMetrics: boolean): string[] {
  const with_ = (suffix: string, label: string) => {
    const all = [labels, label].filter((part) => part !== '').join(',');
    return `${name}${suffix}${all === '' ? '' : `{${all}}`}`;
  };
  if (typeof value === 'number') return [`${with_('', '')} ${number(value)}`];
  return 'bounds' in value
    ? histogramLines(value, with_, openMetrics)
    : summaryLines(value, with_, openMetrics);
}

type Named = (suffix: string, label: string) => string;

function histogramLines(
  { bounds, counts, sum, exemplars }: HistogramValue,
  named: Named,
  openMetrics: boolean,
): string[] {
  const buckets = [...bounds, Infinity].map((bound, i) => {
    const exemplar = openMetrics ? exemplars?.[i] : undefined;
    const suffix =
      exemplar === undefined
        ? ''
        : ` # {${labelText(exemplar.labels)}} ${number(exemplar.value)} ${number(exemplar.timestampMs / 1000)}`;
    return `${named('_bucket', `le="${openMetrics ? goFloat(bound) : number(bound)}"`)} ${counts[i] ?? 0}${suffix}`;
  });
  return [...buckets, `${named('_sum', '')} ${number(sum)}`, `${named('_count', '')} ${counts.at(-1) ?? 0}`];
}

function summaryLines(
  { quantiles, values, sum, count }: SummaryValue,
  named: Named,
  openMetrics: boolean,
): string[] {
  const lines = quantiles.map((quantile, i) => {
    const label = `quantile="${openMetrics ? goFloat(quantile) : number(quantile)}"`;
    return `${named('', label)} ${number(values[i] ?? 0)}`;
  });
  return [...lines, `${named('_sum', '')} ${number(sum)}`, `${named('_count', '')} ${count}`];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels).sort();
  return names.map((name) => `${name}="${well(labels[name] ?? '').replace(/[\\"\n]/g, escape)}"`).join(',');
}

function number(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return String(value).replace('Infinity', 'Inf').replace(/^Inf/, '+Inf');
}

/** As Go's `%g`, with `.0` where there is neither a point nor an exponent. */
function goFloat(value: number): string {
  if (!Number.isFinite(value)) return number(value);
  const [digits = '', exponent = ''] = value.toExponential().split('e');
  if (value !== 0 && (Number(exponent) < -4 || Number(exponent) >= 6))
    return `${digits}e${exponent.replace(/^([+-])(\d)$/, '$10$2')}`;
  return number(value) + (Number.isInteger(value) ? '.0' : '');
}

function escape(character: string): string {
  return character === '\n' ? '\\n' : `\\${character}`;
}

/** Lone surrogates as encoded in UTF-8. */
function well(text: string): string {
  return Buffer.from(text).toString();
}
