/** One line of an exposition. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly exemplar?: ParsedExemplar;
}

export interface ParsedExemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Seconds since the epoch. */
  readonly timestamp?: number;
}

export interface ParsedFamily {
  readonly type: string;
  readonly help: string;
  readonly unit?: string;
  readonly samples: ParsedSample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="/;
const NUMBER = /^[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|nan)$/i;
const TYPES = new Set(['gauge', 'counter', 'histogram', 'summary', 'untyped']);

/**
 * Reads Prometheus's text format 0.0.4, written for tests from the specification and stricter than Prometheus: families
 * are grouped and typed before their samples, series are unique, histograms are complete, the last line is terminated.
 * @throws Error with the number of the line that breaks a rule
 */
export function parseText(text: string): Map<string, ParsedFamily> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line is not ended');
  const parser = new Parser();
  text
    .slice(0, -1)
    .split('\n')
    .forEach((line, i) => {
      try {
        parser.line(line);
      } catch (error) {
        throw new Error(`line ${i + 1}: ${error instanceof Error ? error.message : String(error)}: ${line}`, {
          cause: error,
        });
      }
    });
  parser.end();
  return parser.families;
}

/** The value of the only sample with this name and these labels (and maybe others); undefined if not found. */
export function valueOf(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = [...parseText(text).values()].flatMap((family) => family.samples);
  const found = samples.filter(
    (one) =>
      one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${found.length} samples of ${name} have these labels`);
  return found[0]?.value;
}

interface Open {
  readonly name: string;
  help?: string;
  type?: string;
  readonly samples: ParsedSample[];
}

class Parser {
  readonly families = new Map<string, ParsedFamily>();
  readonly #series = new Set<string>();
  #open: Open | undefined;

  line(line: string): void {
    if (line === '') return;
    if (line.startsWith('#')) this.#comment(line);
    else this.#sample(line);
  }

  end(): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { name, type = 'untyped', help = '', samples } = open;
    if (type === 'histogram') checkHistograms(name, samples);
    this.families.set(name, { type, help, samples });
  }

  #comment(line: string): void {
    const match = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/s.exec(line);
    if (match === null) {
      if (/^#\s*(HELP|TYPE)\b/.test(line)) throw new Error('HELP or TYPE is malformed');
      return;
    }
    const [, kind, name = '', rest = ''] = match;
    const open = this.#enter(name);
    if (kind === 'HELP') {
      if (open.help !== undefined) throw new Error('a second HELP');
      open.help = unescape(rest, false);
    } else {
      if (open.type !== undefined) throw new Error('a second TYPE');
      if (open.samples.length > 0) throw new Error('TYPE after samples');
      if (!TYPES.has(rest)) throw new Error('an unknown type');
      open.type = rest;
    }
  }

  #enter(name: string): Open {
    if (this.#open?.name === name) return this.#open;
    this.end();
    if (this.families.has(name)) throw new Error(`family ${name} comes a second time`);
    this.#open = { name, samples: [] };
    return this.#open;
  }

  #sample(line: string): void {
    const name = NAME.exec(line)?.[0];
    if (name === undefined) throw new Error('no metric name');
    const { labels, rest } = parseLabels(line.slice(name.length));
    const match = /^ +(\S+)(?: +(-?\d+))?$/.exec(rest);
    if (match === null) throw new Error('no value');
    const value = parseNumber(match[1] ?? '');
    const key = JSON.stringify([
      name,
      Object.entries(labels)
        .filter(([, one]) => one !== '')
        .sort(),
    ]);
    if (this.#series.has(key)) throw new Error('the series comes a second time');
    this.#series.add(key);
    this.#familyOf(name).samples.push({ name, labels, value });
  }

  #familyOf(name: string): Open {
    const open = this.#open;
    if (open !== undefined && memberNames(open).includes(name)) return open;
    return this.#enter(name);
  }
}

function memberNames({ name, type }: Open): readonly string[] {
  if (type === 'histogram') return [`${name}_bucket`, `${name}_sum`, `${name}_count`];
  if (type === 'summary') return [name, `${name}_sum`, `${name}_count`];
  return [name];
}

export function parseLabels(text: string): { labels: Record<string, string>; rest: string } {
  const labels = Object.create(null) as Record<string, string>;
  if (!text.startsWith('{')) return { labels, rest: text };
  let rest = text.slice(1);
  while (!rest.startsWith('}')) {
    const name = LABEL.exec(rest)?.[1];
    if (name === undefined) throw new Error('a label is malformed');
    if (name in labels) throw new Error(`label ${name} comes a second time`);
    const value = /^(?:[^"\\]|\\.)*/s.exec(rest.slice(name.length + 2))?.[0] ?? '';
    rest = rest.slice(name.length + 2 + value.length);
    if (!rest.startsWith('"')) throw new Error('a label value is not closed');
    labels[name] = unescape(value, true);
    rest = rest.slice(1);
    if (rest.startsWith(',')) rest = rest.slice(1);
    else if (!rest.startsWith('}')) throw new Error('expected , or } after a label');
  }
  return { labels, rest: rest.slice(1) };
}

export function unescape(text: string, quotes: boolean): string {
  return text.replace(/\\(.?)/gs, (_, character: string) => {
    if (character === '\\') return '\\';
    if (character === 'n') return '\n';
    if (character === '"' && quotes) return '"';
    throw new Error(`\\${character} is not an escape`);
  });
}

export function parseNumber(text: string): number {
  if (!NUMBER.test(text)) throw new Error(`"${text}" is not a number`);
  if (/nan/i.test(text)) return Number.NaN;
  if (/inf/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity;
  return Number(text);
}

/**
 * Each histogram has ascending buckets up to +Inf with counts that never decrease, a sum, and a count equal to the
 * last.
 */
export function checkHistograms(name: string, samples: readonly ParsedSample[]): void {
  const groups = new Map<string, ParsedSample[]>();
  for (const sample of samples) {
    const key = JSON.stringify(
      Object.entries(sample.labels)
        .filter(([label]) => label !== 'le')
        .sort(),
    );
    groups.set(key, [...(groups.get(key) ?? []), sample]);
  }
  for (const [key, group] of groups) {
    const buckets = group.filter((one) => one.name === `${name}_bucket`);
    const bounds = buckets.map((one) => parseNumber(one.labels['le'] ?? ''));
    const counts = buckets.map((one) => one.value);
    const count = group.find((one) => one.name === `${name}_count`)?.value;
    const ascending = bounds.every((bound, i) => i === 0 || bound > (bounds[i - 1] ?? NaN));
    const growing = counts.every((value, i) => i === 0 || value >= (counts[i - 1] ?? NaN));
    const whole =
      bounds.at(-1) === Infinity && counts.at(-1) === count && group.length === buckets.length + 2;
    if (!ascending || !growing || !whole) throw new Error(`histogram ${name}${key} is not whole`);
  }
}
