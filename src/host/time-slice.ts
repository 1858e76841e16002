import type { Clock, MonotonicMs } from '../domain/clock.ts';

/** How long a reading may hold the event loop before other work runs. */
const SLICE_MS = 2;

/** Divides a long reading into slices: call `yieldIfSpent` between its steps. */
export class TimeSlice {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #since: MonotonicMs;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** Fulfilled at once while the slice lasts, else after everything else that waited has run. */
  async yieldIfSpent(): Promise<void> {
    if (this.#clock.monotonic() - this.#since < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#since = this.#clock.monotonic();
  }
}
