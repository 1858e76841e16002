import type { Clock } from '../../domain/clock.ts';
import { parseEventId, type CloudEvent } from '../../domain/event.ts';
import type { Logger } from '../../domain/log.ts';
import { cutOnAbort, pause } from '../../domain/cancellation.ts';
import { LedgerUnavailableError, type Ledger, type SinkProgress } from '../../ledger/ledger.ts';
import type { EventBus } from '../event-bus.ts';
import { follow, type FollowStep } from '../follow.ts';
import type { DeliveryAttempt, SinkFailure, Sink } from './sink.ts';
import { SinkFailureLog } from './sink-failure-log.ts';

/** Outcome of an event: accepted, permanently rejected, or removed from the ledger before the sink could read it. */
export type SinkOutcome = 'delivered' | 'refused' | 'lost';

export interface SinkWorkerOptions {
  readonly name: string;
  readonly sink: Sink;
  readonly bus: EventBus;
  readonly ledger: Pick<Ledger, 'openSink' | 'saveSink'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly onEvents: (outcome: SinkOutcome, count: number) => void;
  readonly onFailure: () => void;
}

const BATCH = 100;
/** Progress is saved after each batch, and within a batch at this interval. */
const SAVE_MS = 1_000;
const RETRY_MS = 1_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
const MAX_RETRY_AFTER_MS = 300_000;

/**
 * Delivers events to one sink, in order and at least once, from the position stored in the ledger. Events that the sink
 * does not accept stay in the ledger and are retried; only those it permanently rejects, or that retention removes, are
 * skipped.
 */
export class SinkWorker {
  readonly name: string;
  readonly #options: SinkWorkerOptions;
  readonly #failureLog: SinkFailureLog;
  /** Ends waiting; a delivery in progress may finish. */
  readonly #stopping = new AbortController();
  /** Ends a delivery in progress, too. */
  readonly #aborting = new AbortController();
  readonly #done: Promise<void>;
  #position: string | undefined;
  #refused: SinkProgress['refused'][number][] = [];
  #savedAt = 0;

  constructor(options: SinkWorkerOptions) {
    const { name, logger, clock } = options;
    this.name = name;
    this.#options = options;
    this.#failureLog = new SinkFailureLog(name, { logger, clock });
    this.#done = this.#keepRunning();
  }

  /** The id of the last event that the sink is done with; undefined until the ledger has reported it. */
  get position(): string | undefined {
    return this.#position;
  }

  /** Why the last attempt failed; undefined while the sink accepts events. */
  get failing(): string | undefined {
    return this.#failureLog.reason;
  }

  /** Lets the delivery in progress finish, and aborts it once `signal` does. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort();
    await cutOnAbort(this.#done, signal, () => this.#aborting.abort());
    await this.#options.sink.close();
  }

  /** An unexpected exception costs one attempt, not the sink. */
  async #keepRunning(): Promise<void> {
    const { clock, logger } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      try {
        await this.#run();
        return;
      } catch (error) {
        logger.error(
          { sink: this.name, error: String(error) },
          'a sink failed because of a bug and is restarted; please report it',
        );
      }
      if (signal.aborted) return;
      await pause(clock, RETRY_MS, signal);
    }
  }

  async #run(): Promise<void> {
    const { bus, clock } = this.#options;
    const { signal } = this.#stopping;
    this.#position = await this.#readPosition();
    if (this.#position === undefined) return;
    for await (const step of follow({ bus, clock, after: this.#position, limit: BATCH, signal })) {
      if (step.kind === 'gap') this.#recordLoss(step);
      else if (!(await this.#deliver(step.events))) break;
      this.#position = step.at;
      await this.#saveProgress();
    }
    await this.#saveProgress();
  }

  async #readPosition(): Promise<string | undefined> {
    const { ledger, clock } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        return await ledger.openSink(this.name);
      } catch (error) {
        if (!(error instanceof LedgerUnavailableError)) throw error;
        await pause(clock, RETRY_MS, signal);
      }
    }
    return undefined;
  }

  /** @returns whether all of them were dealt with before the sink was stopped */
  async #deliver(events: readonly CloudEvent[]): Promise<boolean> {
    const { sink, clock, onEvents } = this.#options;
    let done = 0;
    for (let attempts = 0; done < events.length;) {
      if (this.#stopping.signal.aborted) return false;
      const { accepted, failure } = await deliverOnce(sink, events.slice(done), this.#aborting.signal);
      if (accepted > 0) onEvents('delivered', accepted);
      done += accepted;
      const next = events[done];
      if (failure?.permanent === true && next !== undefined) {
        this.#addDeadLetter(next, failure.reason);
        done++;
      }
      this.#position = events[done - 1]?.id ?? this.#position;
      const waits = failure !== undefined && failure.permanent !== true;
      if (accepted > 0 || !waits) {
        attempts = 0;
        this.#failureLog.recordSuccess();
      }
      if (waits || clock.monotonic() - this.#savedAt > SAVE_MS) await this.#saveProgress();
      if (waits) await this.#backOff(failure, attempts++);
    }
    return true;
  }

  async #backOff(failure: SinkFailure, attempts: number): Promise<void> {
    const { clock, random, onFailure } = this.#options;
    onFailure();
    this.#failureLog.recordFailure(failure.reason);
    const retryAfterMs = Math.min(failure.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS);
    await pause(clock, Math.max(backoffMs(attempts, random()), retryAfterMs), this.#stopping.signal);
  }

  #addDeadLetter({ id }: CloudEvent, reason: string): void {
    const { clock, onEvents, onFailure } = this.#options;
    onFailure();
    onEvents('refused', 1);
    this.#refused.push({ id, at: clock.now(), reason });
    this.#failureLog.recordRejection(id, reason);
  }

  #recordLoss({ after, at, oldest }: Extract<FollowStep, { kind: 'gap' }>): void {
    const count = (parseEventId(at)?.offset ?? 0) - (parseEventId(after)?.offset ?? 0);
    if (count > 0) this.#options.onEvents('lost', count);
    this.#options.logger.error(
      { sink: this.name, after, oldest, events: count },
      'retention removed events before a sink accepted them; fix the sink, or keep events longer',
    );
  }

  /** If the ledger cannot store the progress, the next save does; until then a restart would repeat events. */
  async #saveProgress(): Promise<void> {
    const { ledger, clock } = this.#options;
    if (this.#position === undefined) return;
    const refused = this.#refused;
    this.#refused = [];
    try {
      await ledger.saveSink({ sink: this.name, after: this.#position, refused });
      this.#savedAt = clock.monotonic();
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      this.#refused = [...refused, ...this.#refused];
    }
  }
}

/** A sink should return a failure; one that throws did not accept the events either. */
async function deliverOnce(
  sink: Sink,
  events: readonly CloudEvent[],
  signal: AbortSignal,
): Promise<DeliveryAttempt> {
  try {
    return await sink.deliver(events, signal);
  } catch (error) {
    return { accepted: 0, failure: { reason: error instanceof Error ? error.message : String(error) } };
  }
}

/** Exponential backoff with a limit and jitter, so that the sinks of one receiver do not all retry at once. */
export function backoffMs(attempts: number, random: number): number {
  return Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempts) * (0.5 + random / 2);
}
