import type { Clock } from './clock.ts';

/** The part of an `AbortSignal` that Tocsin uses. */
export interface CancelSignal {
  readonly aborted: boolean;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once: true }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * An `AbortController` and its signal in one, for what happens hundreds of times a second: each of Node's signals gets
 * a prototype of its own, which makes every property access in V8 slow.
 */
export class Cancellation implements CancelSignal {
  readonly #listeners = new Set<() => void>();
  #aborted = false;

  get aborted(): boolean {
    return this.#aborted;
  }

  /** Calls every listener, once. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  throwIfAborted(): void {
    if (this.#aborted) throw new Error('aborted');
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.#aborted) this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }
}

/** Calls `run` once when the signal aborts, or at once if it has; the returned function prevents that. */
export function onAbort(signal: CancelSignal, run: () => void): () => void {
  if (signal.aborted) {
    run();
    return () => undefined;
  }
  signal.addEventListener('abort', run, { once: true });
  return () => signal.removeEventListener('abort', run);
}

/**
 * Waits for `work`, and calls `cut`, which should end it, if the signal aborts first. A signal that lives longer than
 * the work keeps nothing of it.
 */
export async function cutOnAbort<T>(work: Promise<T>, signal: CancelSignal, cut: () => void): Promise<T> {
  const release = onAbort(signal, cut);
  try {
    return await work;
  } finally {
    release();
  }
}

/** The result of `work`, or a rejection as soon as the signal aborts; how the work ends is then ignored. */
export function orAborted<T>(work: Promise<T>, signal: CancelSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    cutOnAbort(work, signal, () => reject(new Error('aborted'))).then(resolve, reject);
  });
}

/** Something that may happen: calls `happened` when it does, unless the returned function was called before. */
type Occasion = (happened: () => void) => () => void;

/** Waits for the first of these to happen, and no longer for the others. */
export function firstOf(...occasions: readonly Occasion[]): Promise<void> {
  return new Promise((resolve) => {
    const over = new Cancellation();
    onAbort(over, resolve);
    for (const subscribe of occasions) {
      const unsubscribe = subscribe(() => over.abort());
      onAbort(over, unsubscribe);
    }
  });
}

/** The end of some work, for `firstOf`: successful or not. */
export function ended(work: Promise<unknown>): Occasion {
  return (happened) => {
    work.then(happened, happened);
    return () => undefined;
  };
}

/** Waits for this long, or until the signal aborts. */
export function pause(clock: Clock, ms: number, signal: CancelSignal): Promise<void> {
  return firstOf(
    (happened) => clock.after(ms, happened),
    (happened) => onAbort(signal, happened),
  );
}
