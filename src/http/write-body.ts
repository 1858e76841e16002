import type { ServerResponse } from 'node:http';
import type { Clock } from '../domain/clock.ts';
import type { Departures } from './client-disconnects.ts';
import type { Unsent } from './send-buffers.ts';

export interface WriteOptions {
  readonly departures: Departures;
  readonly unsent: Unsent;
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
  { departures, unsent, stallMs, sendMs, clock, cutOff }: WriteOptions,
): Promise<boolean> {
  const { socket } = response.req;
  const gone = new AbortController();
  // with a reason, because the default one is an error with a stack
  const unwatch = departures.watch(socket, () => gone.abort('gone'));
  // Node's socket timer restarts when the kernel accepts bytes, so that a slow reader does not count as stalled
  response.setTimeout(stallMs, cutOff);
  const cancelTimer = clock.after(sendMs, cutOff);
  const sending = unsent.open(cutOff);
  const isGone = () => gone.signal.aborted;
  const isThere = !(Symbol.asyncIterator in chunks);
  try {
    if (isThere) sending.hold(chunks);
    for await (const chunk of chunks) {
      if (!isThere) sending.hold([chunk]);
      if (isGone()) return false;
      if (!response.write(chunk)) await either(response, 'drain', gone.signal);
      if (isGone()) return false;
      sending.progressed();
    }
    const whole = either(response, 'finish', gone.signal);
    response.end();
    return await whole;
  } finally {
    sending.close();
    cancelTimer();
    unwatch();
  }
}

/**
 * Waits for an event of the response, or for a disconnect, after which `drain` is never emitted and `finish` is
 * unreliable.
 */
function either(response: ServerResponse, event: 'drain' | 'finish', gone: AbortSignal): Promise<boolean> {
  const { socket } = response.req;
  return new Promise((resolve) => {
    const left = () => resolve(false);
    response.once(event, () => {
      gone.removeEventListener('abort', left);
      resolve(!socket.destroyed);
    });
    if (gone.aborted) left();
    else gone.addEventListener('abort', left, { once: true });
  });
}
