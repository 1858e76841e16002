import type { Sample } from '../../../src/metrics/family.ts';

/** A parsed exposition: the type of each family, and the value of each series. */
export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  /** By `name{label="value",…}`, labels sorted, as text 0.0.4 writes them. */
  readonly series: ReadonlyMap<string, number>;
}

const SERIES = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)",?/g;

/** Reads text 0.0.4 without timestamps. @throws Error for an invalid line */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, family, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? [];
    if (family !== undefined && type !== undefined) types.set(family, type);
    if (line === '' || line.startsWith('#')) continue;
    const [, name, labels = '', value] = SERIES.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error(`not a line of an exposition: ${line}`);
    series.set(
      name + braced([...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text])),
      number(value),
    );
  }
  return { types, series };
}

/** How samples would be parsed. @throws Error when two of them are the same series */
export function readBack(samples: readonly Sample[]): Exposition {
  const types = new Map<string, string>();
  const series = new Map<string, number>();
  for (const { family, labels, value } of samples) {
    types.set(family.name, family.type);
    if (typeof value !== 'number') throw new Error(`${family.name} is a histogram`);
    const escaped = Object.entries(labels).map(([key, text]): [string, string] => [key, escape(text)]);
    const name = family.name + braced(escaped);
    if (series.has(name)) throw new Error(`there are two series ${name}`);
    series.set(name, value);
  }
  return { types, series };
}

function braced(labels: readonly (readonly [string, string])[]): string {
  if (labels.length === 0) return '';
  const sorted = [...labels].sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([key, value]) => `${key}="${value}"`).join(',')}}`;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function number(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text);
}
