import type { Clock, EpochMs } from '../../../domain/clock.ts';
import { LedgerUnavailableError } from '../../ledger.ts';

/** Removes a slice of expired rows. @returns whether there may be more */
export type PruneSlice = (now: EpochMs, slice: number) => boolean;

interface RetentionOptions {
  readonly clock: Clock;
  readonly prunes: readonly PruneSlice[];
  /** Runs a slice within a commit. */
  readonly submit: (run: () => boolean) => Promise<boolean>;
}

const SWEEP_MS = 60_000;
/** Small enough to take a few milliseconds, so that no delivery has to wait. */
const SLICE = 500;
const PAUSE_MS = 20;

/** Removes expired rows once a minute, a slice at a time. */
export class RetentionSweep {
  readonly #options: RetentionOptions;
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#again();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #sweep(): Promise<void> {
    for (const prune of this.#options.prunes) {
      while (await this.#slice(prune)) await this.#pause();
    }
  }

  async #slice(prune: PruneSlice): Promise<boolean> {
    if (this.#stopped) return false;
    try {
      return await this.#options.submit(() => prune(this.#options.clock.now(), SLICE));
    } catch (error) {
      // already logged by the writer; the next sweep tries again
      if (error instanceof LedgerUnavailableError) return false;
      throw error;
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#cancel = this.#options.clock.after(PAUSE_MS, resolve);
    });
  }

  #again(): void {
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(SWEEP_MS, () => void this.#sweep().finally(() => this.#again()));
  }
}
