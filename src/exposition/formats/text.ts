import { renderLabels } from '../table/labels.ts';
import type { Sample } from '../table/samples.ts';
import { formatValue } from './number-writer.ts';
import { renderHeader, seriesName, type TextDialect } from './text-lines.ts';

const PLAIN: TextDialect = { openMetrics: false, escaping: 'underscores' };

/** Samples that are numbers in text 0.0.4, families and series sorted by name: for the few samples of one run. */
export function samplesText(samples: readonly Sample[]): string {
  const lines = samples.map(({ family, labels, value }) => {
    const series = seriesName(family.name, '', renderLabels(labels, PLAIN.escaping), PLAIN.escaping);
    return { family, series, value };
  });
  lines.sort((a, b) => order(a.family.name, b.family.name) || order(a.series, b.series));
  let text = '';
  let name = '';
  for (const { family, series, value } of lines) {
    if (family.name !== name) text += renderHeader({ family, baseTaken: false }, PLAIN);
    name = family.name;
    if (typeof value === 'number') text += `${series} ${formatValue(value)}\n`;
  }
  return text;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
