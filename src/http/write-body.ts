import type { ServerResponse } from 'node:http';
import type { Departures } from './departures.ts';

export interface WriteOptions {
  readonly departures: Departures;
  /** A client that takes nothing for this long (to twice as long) is cut off. */
  readonly stallMs: number;
}

/**
 * Writes a body and ends the response, one chunk at a time: the next goes out when the client took the last.
 * @returns whether all of it was handed to a connection that was whole then; if not, the connection is gone
 */
export async function writeBody(
  response: ServerResponse,
  chunks: readonly Buffer[],
  { departures, stallMs }: WriteOptions,
): Promise<boolean> {
  const { socket } = response.req;
  const gone = new AbortController();
  const unwatch = departures.watch(socket, () => gone.abort());
  // Node's socket timer starts anew when the kernel took bytes, so that a slow reader is no stalled one
  response.setTimeout(stallMs, () => socket.destroy());
  try {
    for (const chunk of chunks) {
      if (!response.write(chunk)) await either(response, 'drain', gone.signal);
      if (gone.signal.aborted) return false;
    }
    const whole = either(response, 'finish', gone.signal);
    response.end();
    return await whole;
  } finally {
    unwatch();
  }
}

/** Waits for an event of the response, or for its client to leave: `drain` never comes then, and `finish` may lie. */
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
