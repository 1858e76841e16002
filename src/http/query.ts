import type { Request, Response } from 'express';
import { sendProblem } from './problem.ts';

/** A query parameter that was not understood. */
export interface QueryProblem {
  readonly parameter: string;
  readonly given: string;
  readonly expected: string;
}

/** Reads query parameters one by one and remembers what was wrong with them. */
export class Query {
  readonly #request: Request;
  readonly problems: QueryProblem[] = [];

  constructor(request: Request) {
    this.#request = request;
  }

  /** A parameter given once; repeated ones are a problem. */
  text(name: string): string | undefined {
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

  /** One of some words. */
  word<const Word extends string>(name: string, words: readonly Word[]): Word | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const word = words.find((one) => one === text);
    if (word === undefined)
      this.problems.push({ parameter: name, given: text, expected: `one of ${words.join(', ')}` });
    return word;
  }

  /** A time: RFC 3339 or seconds since the epoch; answers milliseconds. */
  time(name: string, fallback: number): number {
    const text = this.text(name);
    if (text === undefined || text === '') return fallback;
    const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
    if (Number.isFinite(ms)) return ms;
    this.problems.push({
      parameter: name,
      given: text,
      expected: 'an RFC 3339 time or seconds since the epoch',
    });
    return fallback;
  }

  /** Answers 400 where something was wrong; true when it did. */
  refused(response: Response): boolean {
    const [first] = this.problems;
    if (first === undefined) return false;
    sendProblem(response, {
      status: 400,
      title: 'A query parameter is not understood',
      detail: `${first.parameter} is "${first.given}"; expected ${first.expected}`,
      more: { problems: this.problems },
    });
    return true;
  }
}
