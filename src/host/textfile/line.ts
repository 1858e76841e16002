import type { Labels } from '../../metrics/family.ts';

/** An error in a textfile, with its line, counted from 1. */
export class TextfileError extends Error {
  override readonly name = 'TextfileError';
  readonly line: number | undefined;

  constructor(line: number | undefined, message: string) {
    super(message);
    this.line = line;
  }
}

/** `name{labels} value`. */
export interface SampleLine {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
  readonly line: number;
}

/** `# TYPE name text` or `# HELP name text`. */
export interface Declaration {
  readonly keyword: 'TYPE' | 'HELP';
  readonly name: string;
  readonly text: string;
}

const BLANK = /^[ \t]*$/;
const COMMENT = /^[ \t]*#/;
const DECLARATION = /^[ \t]*#[ \t]*(TYPE|HELP)[ \t]+(\S+)(?:[ \t]+(.*))?$/;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/**
 * Reads one line without its end; undefined for a blank one and for a comment.
 * @throws {TextfileError} that says what was expected
 */
export function parseLine(text: string, line: number): SampleLine | Declaration | undefined {
  if (BLANK.test(text)) return undefined;
  if (!COMMENT.test(text)) return parseSample(text, line);
  const [, keyword, name = '', rest = ''] = DECLARATION.exec(text) ?? [];
  if (keyword !== 'TYPE' && keyword !== 'HELP') return undefined;
  if (!METRIC_NAME.test(name))
    throw new TextfileError(line, `${keyword} of "${name}": expected a name of letters, digits, _ and :`);
  return { keyword, name, text: keyword === 'HELP' ? unescape(rest) : rest };
}

const NAME = /[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*/y;
const OPENING = /\{[ \t]*/y;
const CLOSING = /\}/y;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\"n])*)"[ \t]*(?:,[ \t]*|(?=\}))/y;
const VALUE = /[ \t]*(\S+)[ \t]*(\S.*)?$/y;

/** Reads a line piece by piece. */
class Cursor {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Returns the match at this position, and steps over it. */
  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at += match[0].length;
    return match;
  }

  /** The text at this position, shortened, for a message. */
  get rest(): string {
    return JSON.stringify(this.#text.slice(this.#at, this.#at + 40));
  }
}

function parseSample(text: string, line: number): SampleLine {
  const cursor = new Cursor(text);
  const name = cursor.match(NAME)?.[1];
  if (name === undefined)
    throw new TextfileError(line, `${cursor.rest}: expected the name of a metric or a comment`);
  const labels = cursor.match(OPENING) === undefined ? {} : parseLabels(cursor, line);
  const [, digits, more] = cursor.match(VALUE) ?? [];
  const value = digits === undefined ? undefined : parseValue(digits);
  if (value === undefined)
    throw new TextfileError(line, `${name} has the value ${JSON.stringify(digits ?? '')}: expected a number`);
  if (more !== undefined)
    throw new TextfileError(
      line,
      `${name} has ${JSON.stringify(more.trim())} after its value: expected no timestamp, nor anything else`,
    );
  return { name, labels, value, line };
}

function parseLabels(cursor: Cursor, line: number): Labels {
  const labels = new Map<string, string>();
  while (cursor.match(CLOSING) === undefined) {
    const [, name, value = ''] = cursor.match(LABEL) ?? [];
    if (name === undefined)
      throw new TextfileError(line, `${cursor.rest}: expected label="value", with \\\\, \\" and \\n escaped`);
    if (name === '__name__') throw new TextfileError(line, 'invalid label __name__: expected another name');
    if (labels.has(name)) throw new TextfileError(line, `duplicate label ${name}: expected it once`);
    labels.set(name, unescape(value));
  }
  return Object.fromEntries(labels);
}

function unescape(text: string): string {
  return text.replace(/\\(["\\n])/g, (_, character: string) => (character === 'n' ? '\n' : character));
}

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** A number in the syntax of the format; undefined when it is invalid or beyond a double. */
export function parseValue(text: string): number | undefined {
  if (/^[+-]?nan$/i.test(text)) return NaN;
  const [, sign] = INFINITE.exec(text) ?? [];
  if (sign !== undefined) return sign === '-' ? -Infinity : Infinity;
  const value = DECIMAL.test(text) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : undefined;
}
