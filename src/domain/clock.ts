import type { Logger } from './log.ts';

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

export interface TaskContext {
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Runs something periodically. Runs never overlap: the time to the next one counts from the end of the last one. A run
 * that fails is logged, and the task goes on.
 */
export class PeriodicTask {
  readonly #context: TaskContext;
  readonly #name: string;
  readonly #everyMs: () => number;
  readonly #run: () => Promise<void> | void;
  #active = false;
  #running = false;
  #firstMs: number | undefined;
  #cancel: () => void = () => undefined;

  /** @param everyMs a function is called after each run */
  constructor(
    context: TaskContext,
    name: string,
    everyMs: number | (() => number),
    run: () => Promise<void> | void,
  ) {
    this.#context = context;
    this.#name = name;
    this.#everyMs = typeof everyMs === 'number' ? () => everyMs : everyMs;
    this.#run = run;
  }

  /** Whether it was started, and not stopped since. */
  get active(): boolean {
    return this.#active;
  }

  /**
   * Starts it, or starts it again: the next run begins after `firstMs` (default: the time between two runs), counted
   * from the end of the current run if there is one.
   */
  start(firstMs?: number): this {
    this.stop();
    this.#active = true;
    this.#firstMs = firstMs;
    if (!this.#running) this.#schedule();
    return this;
  }

  /** No other run begins. The current run ends by itself; it can see from `active` that nothing follows. */
  stop(): void {
    this.#active = false;
    this.#cancel();
  }

  #schedule(): void {
    const delayMs = this.#firstMs ?? this.#everyMs();
    this.#firstMs = undefined;
    this.#cancel = this.#context.clock.after(delayMs, () => this.#runOnce());
  }

  #runOnce(): void {
    this.#running = true;
    const ended = (): void => {
      this.#running = false;
      if (this.#active) this.#schedule();
    };
    const failed = (error: unknown): void => {
      const message = 'a periodic task failed unexpectedly and will run again; please report it';
      this.#context.logger.error({ task: this.#name, error: String(error) }, message);
      ended();
    };
    try {
      const result = this.#run();
      if (result === undefined) ended();
      else result.then(ended, failed);
    } catch (error) {
      failed(error);
    }
  }
}
