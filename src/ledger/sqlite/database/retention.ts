import { firstOf } from '../../../domain/cancellation.ts';
import { PeriodicTask, type EpochMs, type TaskContext } from '../../../domain/clock.ts';
import { LedgerUnavailableError } from '../../ledger.ts';

/** Removes a slice of expired rows. @returns whether there may be more */
export type PruneSlice = (now: EpochMs, slice: number) => boolean;

interface RetentionOptions extends TaskContext {
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
  readonly #sweeps: PeriodicTask;

  constructor(options: RetentionOptions) {
    this.#options = options;
    this.#sweeps = new PeriodicTask(options, 'retention', SWEEP_MS, () => this.#sweep()).start();
  }

  stop(): void {
    this.#sweeps.stop();
  }

  async #sweep(): Promise<void> {
    const { prunes, clock } = this.#options;
    for (const prune of prunes) {
      while (await this.#pruneSlice(prune)) await firstOf((happened) => clock.after(PAUSE_MS, happened));
    }
  }

  async #pruneSlice(prune: PruneSlice): Promise<boolean> {
    if (!this.#sweeps.active) return false;
    try {
      return await this.#options.submit(() => prune(this.#options.clock.now(), SLICE));
    } catch (error) {
      // already logged by the writer; the next sweep tries again
      if (error instanceof LedgerUnavailableError) return false;
      throw error;
    }
  }
}
