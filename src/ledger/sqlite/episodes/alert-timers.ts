import { SEVERITIES } from '../../../alerts/alert.ts';
import { PeriodicTask, type EpochMs, type TaskContext } from '../../../domain/clock.ts';
import { LedgerUnavailableError, type AlertRules } from '../../ledger.ts';
import type { AlertActions } from './alert-actions.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { StringTable } from '../database/string-table.ts';

interface TimerOptions extends TaskContext {
  readonly episodes: EpisodeStore;
  readonly strings: StringTable;
  readonly actions: AlertActions;
  readonly rules: () => AlertRules;
  /** When an episode was last in its sender's own list. */
  readonly lastListedAt: (webhook: string, episode: number) => EpochMs | undefined;
  /** Runs a function within a commit. */
  readonly submit: <T>(run: () => T) => Promise<T>;
  /** Resolves when episodes may be written: not while a large delivery holds some of them. */
  readonly ready: () => Promise<unknown>;
}

const TICK_MS = 1_000;
/** Interval of the search for episodes without reports. */
const EXPIRY_MS = 60_000;
const SLICE = 200;

/**
 * Changes episodes as time passes: acknowledgements that expire, suspicions that were not refuted, episodes without
 * reports. The times are wall clock times stored in the file, so that none is lost in a restart.
 */
export class AlertTimers {
  readonly #options: TimerOptions;
  readonly #ticks: PeriodicTask;
  #lastExpiry: number;

  constructor(options: TimerOptions) {
    this.#options = options;
    this.#lastExpiry = options.clock.monotonic();
    this.#ticks = new PeriodicTask(options, 'timers of alerts', TICK_MS, () => this.#tick()).start();
  }

  stop(): void {
    this.#ticks.stop();
  }

  async #tick(): Promise<void> {
    try {
      await this.#options.ready();
      await this.#runDue();
      const now = this.#options.clock.monotonic();
      if (now - this.#lastExpiry < EXPIRY_MS) return;
      this.#lastExpiry = now;
      await this.#expireSilent();
    } catch (error) {
      // already logged by the writer; the next tick tries again
      if (!(error instanceof LedgerUnavailableError)) throw error;
    }
  }

  async #runDue(): Promise<void> {
    const { clock, episodes, actions, submit } = this.#options;
    while (this.#ticks.active) {
      const at = clock.now();
      if (episodes.due(at, 1).length === 0) return;
      const more = await submit(() => {
        const due = episodes.due(at, SLICE);
        for (const id of due) actions.applyScheduled(id, { kind: 'time', at });
        return due.length === SLICE;
      });
      if (!more) return;
    }
  }

  async #expireSilent(): Promise<void> {
    for (const severity of SEVERITIES) {
      let after = 0;
      while (this.#ticks.active) {
        const rows = this.#options.episodes.openAfter(severity, after, SLICE);
        const silent = rows.filter((row) => this.#isSilent(row));
        if (silent.length > 0) await this.#expire(silent);
        const last = rows.at(-1);
        if (last === undefined || rows.length < SLICE) break;
        after = last.id;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  #isSilent({ id, webhook, last_received: last }: { id: number; webhook: number; last_received: number }) {
    const { strings, rules, clock, lastListedAt } = this.#options;
    const { expireAfterMs, senders } = rules();
    const name = strings.name(webhook);
    const limit = Math.max(2 * (senders[name]?.repeatMs ?? 0), expireAfterMs);
    const heardAt = Math.max(last, lastListedAt(name, id) ?? last);
    // not a number: a damaged value, so no report is known
    return !(clock.now() - heardAt <= limit);
  }

  async #expire(silent: readonly { id: number; last_received: number }[]): Promise<void> {
    const { clock, actions, submit } = this.#options;
    const at = clock.now();
    await submit(() => {
      for (const { id, last_received: lastReceivedAt } of silent)
        actions.applyScheduled(id, { kind: 'expire', at, lastReceivedAt, cause: 'silent' });
    });
  }
}
