import {
  checkHistograms,
  parseNumber,
  unescape,
  type ParsedExemplar,
  type ParsedFamily,
  type ParsedSample,
} from './exposition-parser.ts';

const TYPES = new Set(['gauge', 'counter', 'histogram', 'summary', 'unknown', 'info', 'stateset']);
const LINE = /^# (TYPE|UNIT|HELP) ((?:[a-zA-Z_:][a-zA-Z0-9_:]*)|"(?:[^"\\]|\\.)*") (.*)$/s;
const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"/s;
const CANONICAL = /^(?:[+-]?\d+(?:\.\d+(?:e[+-]\d\d+)?|e[+-]\d\d+)|\+Inf|NaN)$/;

/**
 * Reads OpenMetrics 1.0 with quoted names, written for tests from the specification: families are typed before their
 * samples and never interleave, a unit is the end of the name, samples have the suffixes of their type, bounds are
 * canonical, only buckets and counters have exemplars, `# EOF` is the end. Also reads text 0.0.4 with quoted names,
 * without the rules that only OpenMetrics has.
 * @throws Error with the number of the line that breaks a rule
 */
export function parseOpenMetrics(text: string, { strict = true } = {}): Map<string, ParsedFamily> {
  const end = strict ? '# EOF\n' : '';
  if (!text.endsWith(end) || !text.endsWith('\n')) throw new Error('the end is missing');
  const parser = new Parser(strict);
  const lines = text.slice(0, text.length - end.length).split('\n');
  if (lines.pop() !== '') throw new Error('the last line is not ended');
  lines.forEach((line, i) => {
    try {
      parser.line(line);
    } catch (error) {
      throw new Error(`line ${i + 1}: ${String(error)}: ${line}`, { cause: error });
    }
  });
  parser.end();
  return parser.families;
}

interface Open {
  readonly name: string;
  readonly declared: Map<string, string>;
  readonly samples: ParsedSample[];
}

class Parser {
  readonly families = new Map<string, ParsedFamily>();
  readonly #strict: boolean;
  readonly #series = new Set<string>();
  #open: Open | undefined;

  constructor(strict: boolean) {
    this.#strict = strict;
  }

  line(line: string): void {
    if (!line.startsWith('#')) {
      this.#sample(line);
      return;
    }
    const [, kind = '', written = '', text = ''] = LINE.exec(line) ?? [];
    if (kind === '') throw new Error('a comment other than TYPE, UNIT, HELP');
    const name = written.startsWith('"') ? unescape(written.slice(1, -1), true) : written;
    const open = this.#enter(name);
    if (open.samples.length > 0) throw new Error(`${kind} after samples`);
    if (open.declared.has(kind)) throw new Error(`a second ${kind}`);
    open.declared.set(kind, kind === 'HELP' ? unescape(text, this.#strict) : text);
  }

  end(): void {
    const open = this.#open;
    this.#open = undefined;
    if (open === undefined) return;
    const { name, declared, samples } = open;
    const type = declared.get('TYPE') ?? '';
    const unit = declared.get('UNIT');
    if (!TYPES.has(type) && !(type === 'untyped' && !this.#strict)) throw new Error(`${name} has no type`);
    if (unit !== undefined && !name.endsWith(`_${unit}`)) throw new Error(`${unit} is not how ${name} ends`);
    if (type === 'histogram') checkHistograms(name, samples);
    this.families.set(name, {
      type,
      help: declared.get('HELP') ?? '',
      ...(unit !== undefined && { unit }),
      samples,
    });
  }

  #enter(name: string): Open {
    if (this.#open?.name === name) return this.#open;
    this.end();
    if (this.families.has(name)) throw new Error(`family ${name} comes a second time`);
    this.#open = { name, declared: new Map(), samples: [] };
    return this.#open;
  }

  #sample(line: string): void {
    const open = this.#open;
    if (open === undefined) throw new Error('a sample before its family');
    const sample = parseSample(line);
    const suffixes = this.#suffixes(open.declared.get('TYPE'));
    if (!suffixes.some((suffix) => sample.name === open.name + suffix))
      throw new Error(`${sample.name} is not a sample of ${open.name}`);
    const bound = sample.labels['le'] ?? sample.labels['quantile'];
    if (this.#strict && /_bucket$/.test(sample.name) && !CANONICAL.test(bound ?? ''))
      throw new Error(`the bound ${bound ?? ''} is not canonical`);
    if (sample.exemplar !== undefined && !/_(bucket|total)$/.test(sample.name))
      throw new Error('an exemplar where none may be');
    const set = Object.entries(sample.labels).filter(([, value]) => value !== '');
    const key = JSON.stringify([sample.name, set.sort()]);
    if (this.#series.has(key)) throw new Error('the series comes a second time');
    this.#series.add(key);
    open.samples.push(sample);
  }

  #suffixes(type: string | undefined): readonly string[] {
    if (type === 'counter') return this.#strict ? ['_total'] : [''];
    if (type === 'histogram') return ['_bucket', '_sum', '_count'];
    return type === 'summary' ? ['', '_sum', '_count'] : [''];
  }
}

function parseSample(line: string): ParsedSample {
  const bare = NAME.exec(line)?.[0];
  const set = readSet(line.slice(bare?.length ?? 0));
  const name = bare ?? set.name;
  if (name === undefined || (bare !== undefined && set.name !== undefined))
    throw new Error('no name, or two');
  const [, value = '', exemplar] = /^ (\S+)(?: # (.*))?$/s.exec(set.rest) ?? [];
  const parsed = { name, labels: set.labels, value: parseNumber(value) };
  return exemplar === undefined ? parsed : { ...parsed, exemplar: parseExemplar(exemplar) };
}

function parseExemplar(text: string): ParsedExemplar {
  const { labels, rest } = readSet(text);
  const [, value = '', timestamp] = /^ (\S+)(?: (\S+))?$/.exec(rest) ?? [];
  const characters = Array.from(Object.entries(labels).flat().join('')).length;
  if (characters > 128) throw new Error(`an exemplar of ${characters} characters`);
  const parsed = { labels, value: parseNumber(value) };
  return timestamp === undefined ? parsed : { ...parsed, timestamp: parseNumber(timestamp) };
}

/** Labels in braces, and a name among them where it is quoted. */
function readSet(text: string): { labels: Record<string, string>; name?: string; rest: string } {
  const labels = Object.create(null) as Record<string, string>;
  if (!text.startsWith('{')) return { labels, rest: text };
  let rest = text.slice(1);
  let name: string | undefined;
  while (!rest.startsWith('}')) {
    const quoted = QUOTED.exec(rest);
    const written = quoted?.[0] ?? /^[a-zA-Z_][a-zA-Z0-9_]*/.exec(rest)?.[0] ?? '';
    const label = quoted === null ? written : unescape(quoted[1] ?? '', true);
    rest = rest.slice(written.length);
    if (quoted !== null && !rest.startsWith('=')) {
      if (name !== undefined) throw new Error('two names');
      name = label;
    } else {
      const value = QUOTED.exec(rest.slice(1));
      if (written === '' || !rest.startsWith('=') || value === null || label in labels)
        throw new Error(`a label is malformed at ${rest}`);
      labels[label] = unescape(value[1] ?? '', true);
      rest = rest.slice(1 + value[0].length);
    }
    if (rest.startsWith(',')) rest = rest.slice(1);
    else if (!rest.startsWith('}')) throw new Error('expected , or } after a label');
  }
  return { labels, rest: rest.slice(1), ...(name !== undefined && { name }) };
}
