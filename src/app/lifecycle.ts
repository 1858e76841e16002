import { onAbort } from '../domain/cancellation.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';

interface Step {
  readonly name: string;
  /** Aborts when the whole budget is used up: the step must end now, gracefully or not. */
  readonly stop: (signal: AbortSignal) => Promise<void> | void;
}

/**
 * Stop steps, run in the reverse order of their registration, within one time budget. Register each step right after
 * the thing is created: a start that fails half-way is undone by the same steps.
 */
export class Lifecycle {
  readonly #steps: Step[] = [];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #budgetMs: number;
  #stopping: Promise<void> | undefined;

  constructor(options: { clock: Clock; logger: Logger; budgetMs: number }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#budgetMs = options.budgetMs;
  }

  onStop(name: string, stop: Step['stop']): void {
    this.#steps.push({ name, stop });
  }

  /** Runs every step once; later calls wait for the same end. Never rejects: failures are logged by name. */
  stop(): Promise<void> {
    this.#stopping ??= this.#unwind();
    return this.#stopping;
  }

  async #unwind(): Promise<void> {
    const budget = new AbortController();
    const cancel = this.#clock.after(this.#budgetMs, () => budget.abort());
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await this.#bounded(step, budget.signal);
      } catch (error) {
        this.#logger.warn({ step: step.name, error: String(error) }, 'a shutdown step failed');
      }
    }
    cancel();
  }

  /** A step that ignores the end of the budget is abandoned after one more second. */
  async #bounded(step: Step, signal: AbortSignal): Promise<void> {
    let cancel: () => void = () => undefined;
    let release: () => void = () => undefined;
    const left = new Promise<never>((_, reject) => {
      release = onAbort(signal, () => {
        cancel = this.#clock.after(1_000, () => reject(new Error('did not finish within the time budget')));
      });
    });
    try {
      await Promise.race([Promise.resolve(step.stop(signal)), left]);
    } finally {
      release();
      cancel();
    }
  }
}
