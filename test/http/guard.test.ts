import { describe, expect, it } from '@jest/globals';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Request, RequestHandler, Response } from 'express';
import { guardBy } from '../../src/http/guard.ts';

const REQUEST = new IncomingMessage(new Socket()) as Request;
const RESPONSE = new ServerResponse(REQUEST) as Response;

describe('a guard of several handlers', () => {
  it('calls them in order and passes the request on in the same turn', () => {
    const calls: unknown[] = [];
    const handler = (name: string): RequestHandler => {
      return (_request, _response, next) => {
        calls.push(name);
        next();
      };
    };
    void guardBy('read', handler('one'), handler('two'))(REQUEST, RESPONSE, () => calls.push('route'));
    expect(calls).toEqual(['one', 'two', 'route']);
  });

  it('ends where a handler answers, and passes on its error', () => {
    const calls: unknown[] = [];
    const answers: RequestHandler = () => calls.push('answered');
    const failing: RequestHandler = (_request, _response, next) => next(new Error('broken'));
    const never: RequestHandler = () => calls.push('never');
    void guardBy('read', answers, never)(REQUEST, RESPONSE, () => calls.push('route'));
    void guardBy('read', failing, never)(REQUEST, RESPONSE, (error?: unknown) => calls.push(String(error)));
    expect(calls).toEqual(['answered', 'Error: broken']);
  });
});
