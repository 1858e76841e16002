import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { fail } from '../net/failure.ts';
import { errorCode } from '../net/error-fields.ts';
import { brokenConnection } from '../net/socket-errors.ts';

export interface ExchangeOptions {
  /** Connected, TLS included; destroying it ends the exchange. */
  readonly socket: Socket;
  readonly method: string;
  readonly path: string;
  /** A flat list of names and values. */
  readonly headers: string[];
  readonly body: string | undefined;
  /** Called at the first byte of the answer. */
  readonly onFirstByte: () => void;
}

const MAX_HEADER_BYTES = 256 * 1024;

/**
 * Sends one request over a connection of its own and gives the answer's head.
 * @throws ProbeFailure `protocol` when no HTTP answer comes, `tls` for a late TLS alert
 */
export function exchange({
  socket,
  method,
  path,
  headers,
  body,
  onFirstByte,
}: ExchangeOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket,
      method,
      path,
      headers,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    outgoing.once('socket', () => socket.once('data', onFirstByte));
    outgoing.on('error', (error) => reject(requestFailure(error)));
    const closed = (): void => reject(fail('protocol', 'The connection was closed before an answer came'));
    const answered = (response: IncomingMessage): void => {
      outgoing.removeListener('close', closed);
      resolve(response);
    };
    outgoing.once('close', closed);
    outgoing.once('response', answered);
    // 101: the head is all there is
    outgoing.once('upgrade', answered);
    outgoing.end(body);
  });
}

function requestFailure(error: Error): Error {
  const code = errorCode(error);
  if (code === 'HPE_HEADER_OVERFLOW')
    return fail('protocol', 'The header of the answer is larger than 256 KiB');
  if (code.startsWith('HPE_')) return fail('protocol', `The answer is not HTTP (${code})`);
  if (code === '') return error;
  return brokenConnection(error, 'before an answer came');
}
