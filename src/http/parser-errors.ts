import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { problemBody, type Problem } from './problem.ts';

/**
 * Closing with unread bytes resets the connection, and its client would lose the answer: they are read for this long.
 */
const LINGER_MS = 1_000;

/**
 * The answer to a request that Node's parser rejected, so that it reaches no route; undefined where no client waits for
 * one.
 * @param code of the error that `clientError` reports
 * @see https://nodejs.org/api/http.html#event-clienterror
 */
export function parserErrorProblem(code: string): Problem | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        status: 431,
        title: 'Request header fields too large',
        detail:
          'The request line and headers are larger than server.max_header_size. Send fewer or shorter headers.',
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        status: 408,
        title: 'Request timeout',
        detail:
          'The headers were not received within server.header_timeout, or the request within server.request_timeout. Send it faster.',
      };
    // a connection closed within its headers is not malformed: its client disconnected
    case 'HPE_INVALID_EOF_STATE':
      return undefined;
    default:
      return code.startsWith('HPE_')
        ? {
            status: 400,
            title: 'Bad request',
            detail: `This is not an HTTP/1.1 request (${code}). Expected plain HTTP: not TLS, not HTTP/2.`,
          }
        : undefined;
  }
}

/** Whether a refusal can be sent: nothing else was, on a connection that has at most this request. */
export function isAnswerable(socket: Socket, response: ServerResponse | undefined): boolean {
  return socket.writable && socket.bytesRead > 0 && response?.headersSent !== true;
}

/** Whether the request that a response answers has not arrived completely. */
export function isIncomplete(response: ServerResponse | undefined): boolean {
  return response !== undefined && !response.writableEnded && !response.req.complete;
}

/** Sends a refusal, and closes the connection once its client has it, or a second later. */
export function sendProblemAndClose(socket: Socket, problem: Problem): void {
  const body = problemBody(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}
