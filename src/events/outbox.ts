import type { Clock } from '../domain/clock.ts';
import type { NewEvent } from '../domain/event.ts';
import type { Logger } from '../domain/log.ts';
import type { Ledger, RunRecord } from '../ledger/ledger.ts';

const FLUSH_MS = 250;
const RETRY_MS = 2_000;
/** Limit for what waits while the ledger cannot be written; beyond it the oldest runs and events are dropped. */
const MAX_WAITING = 50_000;

interface OutboxOptions {
  readonly ledger: Pick<Ledger, 'append' | 'recordRuns'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Writes Tocsin's own runs and events to the ledger, in order and in batches, without blocking their sources. A failed
 * write is retried; events are lost only when the outbox is full.
 */
export class Outbox {
  readonly #options: OutboxOptions;
  #events: NewEvent[] = [];
  #runs: RunRecord[] = [];
  #cancelTimer: (() => void) | undefined;
  #flushing: Promise<void> | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  addEvent(event: NewEvent): void {
    this.#events.push(event);
    this.#dropExcess();
    this.#flushIn(0);
  }

  addRun(run: RunRecord): void {
    this.#runs.push(run);
    this.#dropExcess();
    this.#flushIn(FLUSH_MS);
  }

  /** Writes what is pending; for the shutdown. */
  async close(): Promise<void> {
    this.#cancelTimer?.();
    await this.#flushing;
    await this.#flush();
    this.#cancelTimer?.();
  }

  #flushIn(delayMs: number): void {
    if (this.#flushing !== undefined) return;
    if (delayMs > 0 && this.#cancelTimer !== undefined) return;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#flushing = this.#flush().finally(() => {
        this.#flushing = undefined;
        if (this.#cancelTimer === undefined && this.#events.length + this.#runs.length > 0)
          this.#flushIn(FLUSH_MS);
      });
    });
  }

  async #flush(): Promise<void> {
    const events = this.#events;
    const runs = this.#runs;
    this.#events = [];
    this.#runs = [];
    try {
      if (events.length > 0) await this.#options.ledger.append(events);
    } catch (error) {
      this.#requeue(events, runs, error);
      return;
    }
    try {
      if (runs.length > 0) await this.#options.ledger.recordRuns(runs);
    } catch (error) {
      this.#requeue([], runs, error);
    }
  }

  #requeue(events: readonly NewEvent[], runs: readonly RunRecord[], error: unknown): void {
    this.#events = [...events, ...this.#events];
    this.#runs = [...runs, ...this.#runs];
    this.#dropExcess();
    this.#options.logger.warn(
      { error: String(error), events: this.#events.length },
      'the ledger did not accept events; retrying',
    );
    this.#cancelTimer ??= this.#options.clock.after(RETRY_MS, () => {
      this.#cancelTimer = undefined;
      this.#flushIn(0);
    });
  }

  #dropExcess(): void {
    if (this.#runs.length > MAX_WAITING) this.#runs.splice(0, this.#runs.length - MAX_WAITING);
    if (this.#events.length <= MAX_WAITING) return;
    const dropped = this.#events.splice(0, this.#events.length - MAX_WAITING).length;
    this.#options.logger.error({ dropped }, 'events were dropped: the ledger has refused them for too long');
  }
}
