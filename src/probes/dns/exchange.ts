import { createSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import { onAbort, type CancelSignal } from '../../domain/cancellation.ts';
import { fail, type ProbeFailure } from '../net/failure.ts';
import { brokenConnection, connectFailure, type Destination } from '../net/socket-errors.ts';
import { answersQuery } from './message.ts';

/** The most bytes of messages that do not answer the query; each has at most 64 KiB. */
const MAX_IGNORED_BYTES = 1_048_576;

export interface UdpQuery {
  readonly to: Destination;
  readonly family: 4 | 6;
  readonly query: Buffer;
  readonly signal: CancelSignal;
  /** Called when the socket is connected: the server's time starts here. */
  readonly sent: () => void;
  /** Called for each message that is not an answer to the query. */
  readonly ignored: () => void;
}

/**
 * Sends a query over UDP once and returns the first message that answers it. The socket is connected, so that the
 * kernel drops messages from other addresses; messages with another id or question are ignored.
 * @throws ProbeFailure when the system reports that it cannot be delivered, or after more than `MAX_IGNORED_BYTES` of
 * messages that do not answer it. Rejects when the signal aborts.
 */
export function askOverUdp({ to, family, query, signal, sent, ignored }: UdpQuery): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = createSocket({ type: family === 4 ? 'udp4' : 'udp6' });
    let ignoredBytes = 0;
    const end = (settle: () => void): void => {
      release();
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      settle();
    };
    const release = onAbort(signal, () => end(() => reject(new Error('aborted'))));
    const onError = (error: unknown): void => end(() => reject(connectFailure(error, to)));
    socket.on('error', onError);
    socket.on('message', (message, from) => {
      // a message that arrived between binding and connecting may be from anyone
      const own = from.port === to.port && answersQuery(message, query);
      if (own) {
        end(() => resolve(message));
        return;
      }
      ignored();
      ignoredBytes += message.length;
      if (ignoredBytes > MAX_IGNORED_BYTES) end(() => reject(tooManyOthers()));
    });
    socket.bind({ address: to.localAddress ?? (family === 4 ? '0.0.0.0' : '::') }, () => {
      socket.connect(to.port, to.address, (...errors: readonly unknown[]) => {
        const [error] = errors;
        if (error !== undefined && error !== null) {
          onError(error);
          return;
        }
        sent();
        socket.send(query, (failed) => {
          if (failed !== null) onError(failed);
        });
      });
    });
  });
}

function tooManyOthers(): ProbeFailure {
  return fail(
    'protocol',
    `The server sent more than ${MAX_IGNORED_BYTES} bytes in messages that do not answer the query`,
  );
}

const LENGTH_BYTES = 2;

/**
 * Sends a query over a connection and reads the message that follows (RFC 7766, 8). The caller destroys the socket.
 * @throws ProbeFailure when the connection ends first, or when the message does not answer the query
 */
export function askOverStream(socket: Socket, query: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const ended = (): void => reject(closedEarly(received));
    socket.on('error', (error) => reject(brokenConnection(error, 'while waiting for the answer')));
    socket.once('end', ended);
    socket.once('close', ended);
    socket.on('data', (bytes: Buffer) => {
      received = Buffer.concat([received, bytes]);
      const message = unframe(received);
      if (message === undefined) return;
      if (answersQuery(message, query)) resolve(message);
      else reject(fail('protocol', 'The server answered a different query from the one that was sent'));
    });
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt16BE(query.length);
    socket.write(Buffer.concat([length, query]));
  });
}

/** The first message of a stream, once it is complete. */
export function unframe(received: Buffer): Buffer | undefined {
  if (received.length < LENGTH_BYTES) return undefined;
  const end = LENGTH_BYTES + received.readUInt16BE(0);
  return received.length < end ? undefined : received.subarray(LENGTH_BYTES, end);
}

function closedEarly(received: Buffer): ProbeFailure {
  if (received.length === 0) return fail('protocol', 'The server closed the connection without an answer');
  const expected = received.length < LENGTH_BYTES ? 'its length' : `${received.readUInt16BE(0)} bytes`;
  const had = Math.max(0, received.length - LENGTH_BYTES);
  return fail(
    'protocol',
    `The server closed the connection after ${had} bytes of the answer, before ${expected}`,
  );
}
