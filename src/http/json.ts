import type { Response } from 'express';

/** Answers 200 with JSON that must not be cached, since it is valid only now. */
export function sendJson(response: Response, body: unknown, status = 200): void {
  response
    .status(status)
    .set('Cache-Control', 'no-store')
    .type('application/json')
    .send(`${JSON.stringify(body)}\n`);
}
