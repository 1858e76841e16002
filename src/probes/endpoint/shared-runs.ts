import { Cancellation, cutOnAbort, type CancelSignal } from '../../domain/cancellation.ts';

/** A run that several clients with the same request wait for. */
interface SharedRun<Result> {
  readonly result: Promise<Result>;
  readonly cancellation: Cancellation;
  waiting: number;
}

/** Lets concurrent requests for the same thing share one run; it is cancelled when the last client disconnects. */
export class SharedRuns<Result> {
  readonly #runs = new Map<string, SharedRun<Result>>();

  /** The number of runs in progress. */
  get size(): number {
    return this.#runs.size;
  }

  has(key: string): boolean {
    return this.#runs.has(key);
  }

  /**
   * The result of the run with that key; starts one if none is in progress.
   * @param signal aborts when the client disconnects
   */
  join(key: string, signal: CancelSignal, start: (signal: CancelSignal) => Promise<Result>): Promise<Result> {
    const run = this.#runs.get(key) ?? this.#start(key, start);
    run.waiting += 1;
    const leave = (): void => {
      run.waiting -= 1;
      if (run.waiting > 0) return;
      // later requests must not get the result of a run that was cancelled
      if (this.#runs.get(key) === run) this.#runs.delete(key);
      run.cancellation.abort();
    };
    return cutOnAbort(run.result, signal, leave);
  }

  #start(key: string, start: (signal: CancelSignal) => Promise<Result>): SharedRun<Result> {
    const cancellation = new Cancellation();
    const result = start(cancellation);
    const run: SharedRun<Result> = { result, cancellation, waiting: 0 };
    this.#runs.set(key, run);
    const forget = (): void => {
      if (this.#runs.get(key) === run) this.#runs.delete(key);
    };
    result.then(forget, forget);
    return run;
  }
}
