import type { CancelSignal } from '../../domain/cancellation.ts';
import type { Socket } from 'node:net';

/** The result of `work`, or a rejection as soon as `signal` aborts; `work` is then ignored. */
export async function orAborted<T>(work: Promise<T>, signal: CancelSignal): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(new Error('aborted'));
    signal.addEventListener('abort', onAbort, { once: true });
    stop = () => signal.removeEventListener('abort', onAbort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stop();
  }
}

/** Destroys a socket when `signal` aborts; the listener is removed as soon as the socket is closed. */
export function destroyOnAbort(socket: Socket, signal: CancelSignal): void {
  const onAbort = (): void => {
    socket.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  socket.once('close', () => signal.removeEventListener('abort', onAbort));
}
