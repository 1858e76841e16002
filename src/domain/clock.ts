/** A point in time: milliseconds since the Unix epoch. */
export type EpochMs = number;

/** A reading of a clock that never goes back: only the difference of two of them means something. */
export type MonotonicMs = number;

/** Time as a parameter, so that tests can hold it still. */
export interface Clock {
  /** The wall clock, for what is stored or shown. */
  now(): EpochMs;
  /** For durations and deadlines. */
  monotonic(): MonotonicMs;
  /** Calls `run` once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, run: () => void): () => void;
}

/** The machine's clock. Its timers do not keep the process alive. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (delayMs: number, run: () => void) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
});
