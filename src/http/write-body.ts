import type { ServerResponse } from 'node:http';
import { Cancellation, firstOf, onAbort, type CancelSignal } from '../domain/cancellation.ts';
import type { Clock } from '../domain/clock.ts';
import type { ClientDisconnects } from './client-disconnects.ts';
import type { SendBuffers } from './send-buffers.ts';

export interface WriteOptions {
  readonly clientDisconnects: ClientDisconnects;
  readonly sendBuffers: SendBuffers;
  /** A client that reads nothing for this long (to twice as long) is cut off. */
  readonly stallMs: number;
  /** So is one that has not read everything by then, however steadily it reads. */
  readonly sendMs: number;
  readonly clock: Clock;
  /** Ends the connection of a client that does not read its answer. */
  readonly cutOff: () => void;
}

/** A body in memory, held until it is sent; or one of which each chunk is created once the last one was read. */
export type BodyChunks = readonly Buffer[] | AsyncIterable<Buffer>;

/**
 * Writes a body and ends the response, one chunk at a time: the next one is sent once the client has read the last.
 * @returns whether all of it was handed to a connection that was intact then; if not, the connection is gone
 */
export async function writeBody(
  response: ServerResponse,
  chunks: BodyChunks,
  { clientDisconnects, sendBuffers, stallMs, sendMs, clock, cutOff }: WriteOptions,
): Promise<boolean> {
  const { socket } = response.req;
  const gone = new Cancellation();
  const unwatch = clientDisconnects.onDisconnect(socket, () => gone.abort());
  // Node's socket timer restarts when the kernel accepts bytes, so that a slow reader does not count as stalled
  response.setTimeout(stallMs, cutOff);
  const cancelTimer = clock.after(sendMs, cutOff);
  const sendBuffer = sendBuffers.open(cutOff);
  const isThere = !(Symbol.asyncIterator in chunks);
  try {
    if (isThere) sendBuffer.retain(chunks);
    for await (const chunk of chunks) {
      if (!isThere) sendBuffer.retain([chunk]);
      if (gone.aborted) return false;
      if (!response.write(chunk) && !(await happens(response, 'drain', gone))) return false;
      sendBuffer.progressed();
    }
    const whole = happens(response, 'finish', gone);
    response.end();
    return await whole;
  } finally {
    sendBuffer.close();
    cancelTimer();
    unwatch();
  }
}

/**
 * Waits for an event of the response, or for its client's disconnect, after which `drain` is never emitted and `finish`
 * is unreliable.
 * @returns whether the event happened on a connection that is intact
 */
export async function happens(
  response: ServerResponse,
  event: 'drain' | 'finish',
  gone: CancelSignal,
): Promise<boolean> {
  await firstOf(
    (happened) => {
      response.once(event, happened);
      return () => response.off(event, happened);
    },
    (happened) => onAbort(gone, happened),
  );
  return !gone.aborted && !response.req.socket.destroyed;
}
