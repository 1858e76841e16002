import type { Response } from 'express';

/** An error as the API returns it. */
export interface Problem {
  readonly status: number;
  /** What kind of error it is, the same for every occurrence. */
  readonly title: string;
  /** What was given, what was expected, what to do. */
  readonly detail: string;
  /** Further members, such as `pointer` or `problems`. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/**
 * Answers with `application/problem+json`.
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
export function sendProblem(response: Response, problem: Problem): void {
  response.status(problem.status).type('application/problem+json').send(problemBody(problem));
}

/** A problem as JSON, and a line end. */
export function problemBody({ status, title, detail, more }: Problem): string {
  return `${JSON.stringify({ type: 'about:blank', title, status, detail, ...more })}\n`;
}
