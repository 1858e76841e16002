import { onAbort, type CancelSignal } from '../../domain/cancellation.ts';

/** The time was up before a place became free. */
export class NoSlotError extends Error {
  override readonly name = 'NoPlaceError';
}

const NO_SLOT = 'All slots for pings were in use until the timeout: probe less often, or fewer hosts';

/** A bounded number of places; when all are taken, callers wait for one, in order. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /**
   * Resolves to a function that gives the place back.
   * @throws NoPlaceError when the signal aborts first
   */
  async acquire(signal: CancelSignal): Promise<() => void> {
    if (signal.aborted) throw new NoSlotError(NO_SLOT);
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    let held = true;
    return () => {
      if (held) this.#release();
      held = false;
    };
  }

  #wait(signal: CancelSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const release = onAbort(signal, () => {
        this.#waiting.splice(this.#waiting.indexOf(granted), 1);
        reject(new NoSlotError(NO_SLOT));
      });
      const granted = (): void => {
        release();
        resolve();
      };
      this.#waiting.push(granted);
    });
  }

  /** A place goes directly to the next in line, so that no other caller can take it. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }
}
