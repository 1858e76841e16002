import type { Request, Response } from 'express';
import { parseInstant, toMilliseconds } from '../domain/instant.ts';
import { sendProblem } from './problem.ts';

/** A query parameter that is unknown or invalid. */
export interface QueryProblem {
  readonly parameter: string;
  readonly given: string;
  readonly expected: string;
}

/** Reads query parameters one by one and collects the problems. */
export class Query {
  readonly #request: Request;
  readonly #known: string[] = [];
  readonly problems: QueryProblem[] = [];

  constructor(request: Request) {
    this.#request = request;
  }

  /** A parameter given at most once; a repeated one is a problem. */
  text(name: string): string | undefined {
    this.#known.push(name);
    const value = this.#request.query[name];
    if (value === undefined || typeof value === 'string') return value;
    this.problems.push({ parameter: name, given: JSON.stringify(value), expected: 'one value' });
    return undefined;
  }

  /** A whole number from `min` to `max`. */
  integer(name: string, bounds: { min: number; max: number; fallback: number }): number {
    const text = this.text(name);
    if (text === undefined || text === '') return bounds.fallback;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value;
    this.problems.push({
      parameter: name,
      given: text,
      expected: `a whole number from ${bounds.min} to ${bounds.max}`,
    });
    return bounds.fallback;
  }

  /** One of a list of words. */
  oneOf<const Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const word = words.find((one) => one === text);
    if (word === undefined)
      this.problems.push({ parameter: name, given: text, expected: `one of ${words.join(', ')}` });
    return word;
  }

  /** Where a list continues, as returned by an earlier answer. */
  cursor(pattern: RegExp): string | undefined {
    const text = this.text('after');
    if (text === undefined || text === '') return undefined;
    if (pattern.test(text)) return text;
    this.problems.push({ parameter: 'after', given: text, expected: 'the next_after of an earlier answer' });
    return undefined;
  }

  /** A time, RFC 3339 or seconds since the epoch; returns milliseconds. */
  time(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === undefined || text === '') return fallback;
    const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : instantMs(text);
    if (ms !== undefined && Number.isFinite(ms)) return ms;
    this.problems.push({
      parameter: name,
      given: text,
      expected: 'an RFC 3339 time or seconds since the epoch',
    });
    return fallback;
  }

  /** Answers 400 where a parameter is invalid or unknown; true when it did. */
  respondIfInvalid(response: Response): boolean {
    for (const [name, value] of Object.entries(this.#request.query)) {
      if (!this.#known.includes(name)) this.problems.push(unknownParameter(name, value, this.#known));
    }
    const [first] = this.problems;
    if (first === undefined) return false;
    sendProblem(response, {
      status: 400,
      title: 'Invalid query parameter',
      detail: `${first.parameter} is "${first.given}"; expected ${first.expected}`,
      more: { problems: this.problems },
    });
    return true;
  }
}

function unknownParameter(parameter: string, value: unknown, known: readonly string[]): QueryProblem {
  const given = typeof value === 'string' ? value : JSON.stringify(value);
  const expected =
    known.length === 0 ? 'a request without query parameters' : `one of the parameters ${known.join(', ')}`;
  return { parameter, given, expected };
}

/** Answers 400 where a parameter is given to a path that takes none; true when it did. */
export function rejectParameters(request: Request, response: Response): boolean {
  return new Query(request).respondIfInvalid(response);
}

function instantMs(text: string): number | undefined {
  const instant = parseInstant(text);
  return instant && toMilliseconds(instant.ns);
}
