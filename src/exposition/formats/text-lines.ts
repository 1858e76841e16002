import type { Series } from '../table/block.ts';
import { escapeHelp, escapeQuoted, renderLabels, renderName } from '../table/labels.ts';
import { escapeFamily, isLegacyFamily, type Escaping } from '../table/name-escaping.ts';
import { formatValue } from './number-writer.ts';
import type { Exemplar, FamilyHeader } from '../table/samples.ts';
import type { FamilySnapshot } from '../table/series-table.ts';
import { unitOf } from './units.ts';

/** A text format and its escaping of names. */
export interface TextDialect {
  readonly openMetrics: boolean;
  readonly escaping: Escaping;
}

/** OpenMetrics limits the labels of an exemplar to this many characters. */
const LONGEST_EXEMPLAR = 128;

/**
 * HELP, TYPE and, in OpenMetrics, UNIT. There a counter's family has the name without `_total`; a counter with another
 * name is exposed with type unknown, since OpenMetrics has no such counters.
 * @see https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */
export function renderHeader(
  { family, baseTaken }: Pick<FamilySnapshot, 'family' | 'baseTaken'>,
  { openMetrics, escaping }: TextDialect,
): string {
  const { name, help, type } = family;
  if (!openMetrics) {
    const written = writtenName(name, escaping);
    return `# HELP ${written} ${escapeHelp(help)}\n# TYPE ${written} ${type}\n`;
  }
  const isCounter = type === 'counter' && name.endsWith('_total') && !baseTaken;
  const base = isCounter ? name.slice(0, -'_total'.length) : name;
  const kind = type === 'untyped' || (type === 'counter' && !isCounter) ? 'unknown' : type;
  const written = writtenName(base, escaping);
  const unit = unitOf(base);
  const unitLine = unit === undefined ? '' : `# UNIT ${written} ${unit}\n`;
  return `# HELP ${written} ${escapeQuoted(help)}\n# TYPE ${written} ${kind}\n${unitLine}`;
}

/** The text before each value of a series. */
export function linePrefixes(family: FamilyHeader, series: Series, dialect: TextDialect): readonly string[] {
  const labels = series.legacy ? series.text : renderLabels(series.labels, dialect.escaping);
  const { bounds } = series;
  const prefix = (suffix: string, all: string) =>
    `${seriesName(family.name, suffix, all, dialect.escaping)} `;
  if (bounds === undefined) return [prefix('', labels)];
  const before = labels === '' ? '' : `${labels},`;
  const bound = dialect.openMetrics ? canonicalFloat : formatValue;
  const lines =
    family.type === 'histogram'
      ? [...bounds, Infinity].map((le) => prefix('_bucket', `${before}le="${bound(le)}"`))
      : bounds.map((quantile) => prefix('', `${before}quantile="${bound(quantile)}"`));
  return [...lines, prefix('_sum', labels), prefix('_count', labels)];
}

/** The exemplar that follows a value in OpenMetrics; empty where its labels are too long. */
export function exemplarSuffix(exemplar: Exemplar | undefined, escaping: Escaping): string {
  if (exemplar === undefined || !fitsExemplar(exemplar)) return '';
  const { labels, value, timestampMs } = exemplar;
  return ` # {${renderLabels(labels, escaping)}} ${formatValue(value)} ${formatValue(timestampMs / 1_000)}`;
}

/** Whether the labels of an exemplar are within the limit. */
export function fitsExemplar({ labels }: Exemplar): boolean {
  const characters = Object.entries(labels).reduce((sum, pair) => sum + Array.from(pair.join('')).length, 0);
  return characters <= LONGEST_EXEMPLAR;
}

function writtenName(name: string, escaping: Escaping): string {
  return isLegacyFamily(name) ? name : renderName(escapeFamily(name, escaping), escaping);
}

/** @param labels rendered, without braces */
export function seriesName(name: string, suffix: string, labels: string, escaping: Escaping): string {
  const braced = labels === '' ? '' : `{${labels}}`;
  if (isLegacyFamily(name)) return name + suffix + braced;
  if (escaping !== 'allow-utf-8') return escapeFamily(name, escaping) + suffix + braced;
  return `{"${escapeQuoted(name + suffix)}"${labels === '' ? '' : `,${labels}`}}`;
}

/** A bound as OpenMetrics wants it, which is as Go writes it: always with a point or an exponent. */
export function canonicalFloat(value: number): string {
  if (!Number.isFinite(value)) return formatValue(value);
  if (value === 0) return `${formatValue(value)}.0`;
  const [mantissa = '', exponent = ''] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 6) {
    return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const text = String(value);
  return text.includes('.') ? text : `${text}.0`;
}
