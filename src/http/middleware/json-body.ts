import express, { type RequestHandler, type Response } from 'express';
import { sendProblem } from '../problem.ts';

const LIMIT = '64kb';

/**
 * Reads the JSON object of a request that changes something. Only `application/json` is accepted: a web page of another
 * origin cannot send that without a preflight, which is never granted.
 */
export function jsonBody(): RequestHandler {
  const read = express.json({ limit: LIMIT, strict: true, type: 'application/json' });
  return (request, response, next) => {
    if (!request.is('application/json')) {
      const given = request.headers['content-type'] ?? 'none';
      sendProblem(response, {
        status: 415,
        title: 'Expected JSON',
        detail: `The Content-Type is ${given}; expected application/json, with an object as the body.`,
      });
      return;
    }
    read(request, response, (error?: unknown) => {
      if (isBodyError(error)) refuse(response, error);
      else next(error);
    });
  };
}

interface JsonBodyError {
  readonly status: number;
  readonly message: string;
}

/** Express's error for a body: too large, invalid JSON, an unknown encoding. */
function isBodyError(error: unknown): error is JsonBodyError {
  return (
    error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
  );
}

function refuse(response: Response, { status, message }: JsonBodyError): void {
  const detail =
    status === 413
      ? `The body is larger than ${LIMIT}; expected a smaller JSON object.`
      : `The body is not a valid JSON object: ${message}.`;
  sendProblem(response, { status, title: 'The body could not be read', detail });
}

/** A member of the object that `jsonBody` read; undefined when it is absent. */
export function jsonMember(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined;
  return (body as Readonly<Record<string, unknown>>)[name];
}
