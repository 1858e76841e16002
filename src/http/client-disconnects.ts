import type { Socket } from 'node:net';
import type { Clock } from '../domain/clock.ts';

/** How long after its last byte a response may still turn out not to have been read. */
const CONFIRM_MS = 1_000;

interface Watch {
  readonly callbacks: Set<(hadError: boolean) => void>;
}

/**
 * Detects disconnected clients. Node's own events are not sufficient: `finish` is emitted for bytes that were never
 * read, `close` of a response waits for its turn on a connection, and a reset after the last write is visible only on
 * the socket.
 */
export class ClientDisconnects {
  readonly #watches = new WeakMap<Socket, Watch>();
  readonly #unconfirmed = new WeakMap<Socket, () => void>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `gone` once if the client disconnects; the returned function ends the watch. One listener per socket. */
  onDisconnect(socket: Socket, gone: (hadError: boolean) => void): () => void {
    if (socket.destroyed) {
      gone(socket.errored !== null);
      return () => undefined;
    }
    const { callbacks: callbacks } = this.#watch(socket);
    callbacks.add(gone);
    return () => callbacks.delete(gone);
  }

  /**
   * Waits until it is known whether a finished response was read: the connection is reset (not read), closed normally,
   * used for another request (see `requestReceived`), or still open after a second (read). Then calls `settled` once.
   */
  onRead(socket: Socket, settled: (taken: boolean) => void): void {
    let over = false;
    const end = (taken: boolean) => {
      if (over) return;
      over = true;
      cancelTimer();
      unwatch();
      this.#unconfirmed.delete(socket);
      settled(taken);
    };
    let unwatch: () => void = () => undefined;
    const cancelTimer = this.#clock.after(CONFIRM_MS, () => end(true));
    this.requestReceived(socket);
    this.#unconfirmed.set(socket, () => end(true));
    unwatch = this.onDisconnect(socket, (hadError) => end(!hadError));
  }

  /** A client sends another request on a connection, so it has read the previous response. */
  requestReceived(socket: Socket): void {
    this.#unconfirmed.get(socket)?.();
  }

  #watch(socket: Socket): Watch {
    const known = this.#watches.get(socket);
    if (known !== undefined) return known;
    const watch: Watch = { callbacks: new Set() };
    this.#watches.set(socket, watch);
    socket.once('close', (hadError) => {
      for (const gone of watch.callbacks) gone(hadError);
    });
    return watch;
  }
}
