import type { z } from 'zod';
import { suggest } from './nearest.ts';

type RawIssue = z.core.$ZodRawIssue;

const NOUNS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  null: 'nothing',
};

/**
 * Zod's issues as sentences that say what was expected and what was given; undefined keeps zod's own. A value is
 * repeated only where it cannot be a secret. Messages set by a schema take precedence.
 */
export function zodMessage(issue: RawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return expected(noun(issue.expected), issue.input);
    case 'invalid_value':
      return closedSet(issue.values, issue.input);
    case 'invalid_union':
      return expected(alternatives(issue.errors), issue.input);
    case 'too_small':
      return limit(
        issue.origin,
        `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`,
        issue.input,
      );
    case 'too_big':
      return limit(
        issue.origin,
        `${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`,
        issue.input,
      );
    default:
      return undefined;
  }
}

/** What kind of value it is, without showing it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (value instanceof Uint8Array) return 'binary data';
  if (typeof value === 'string') return value === '' ? 'an empty text' : 'text';
  if (typeof value === 'object') return 'a mapping';
  return typeof value === 'boolean' ? String(value) : `a ${typeof value}`;
}

function noun(type: string): string {
  return NOUNS[type] ?? type;
}

function expected(what: string, input: unknown): string {
  if (input === undefined) return `missing; expected ${what}`;
  return `expected ${what}, got ${kindOf(input)}${hint(what, input)}`;
}

function hint(what: string, input: unknown): string {
  if (what === 'text' && (typeof input === 'number' || typeof input === 'boolean'))
    return '; put it in quotes';
  if (what !== 'true or false' || typeof input !== 'string') return '';
  if (/^(?:true|false)$/i.test(input)) return '; write it without quotes';
  return /^(?:yes|no|on|off|y|n)$/i.test(input) ? `; in YAML 1.2 "${input}" is text` : '';
}

function closedSet(values: readonly unknown[], input: unknown): string {
  const names = values.map(String);
  if (input === undefined) return `missing; expected one of: ${names.join(', ')}`;
  if (typeof input !== 'string') return `expected ${names.join(' or ')}, got ${kindOf(input)}`;
  return `unknown value "${input}"; ${suggest(input, names, 'values')}`;
}

/** `text or a mapping`: what the branches of a union expect. */
function alternatives(errors: readonly (readonly z.core.$ZodIssue[])[]): string {
  const wanted = errors.flatMap(([first]) => {
    if (first?.code === 'invalid_type') return [noun(first.expected)];
    return first?.code === 'invalid_value' ? first.values.map(String) : [];
  });
  return wanted.length === 0 ? 'another kind of value' : [...new Set(wanted)].join(' or ');
}

function limit(origin: string, bound: string, input: unknown): string {
  if (origin === 'string')
    return input === '' ? 'expected some text, got none' : `expected ${bound} characters`;
  if (origin === 'array' || origin === 'set')
    return `expected ${bound} ${bound.endsWith(' 1') ? 'entry' : 'entries'}`;
  return typeof input === 'number' ? `expected ${bound}, got ${input}` : `expected ${bound}`;
}
