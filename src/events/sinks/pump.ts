import type { Clock } from '../../domain/clock.ts';
import { parseEventId, type CloudEvent } from '../../domain/event.ts';
import type { Logger } from '../../domain/log.ts';
import { cutOnAbort, pause } from '../../domain/cancellation.ts';
import { LedgerUnavailableError, type Ledger, type SinkProgress } from '../../ledger/ledger.ts';
import type { Bus } from '../bus.ts';
import { follow, type Step } from '../follow.ts';
import type { Delivered, Failure, Sink } from './sink.ts';
import { Troubles } from './troubles.ts';

/** Outcome of an event: accepted, permanently rejected, or removed from the ledger before the sink could read it. */
export type SinkOutcome = 'delivered' | 'refused' | 'lost';

export interface PumpOptions {
  readonly name: string;
  readonly sink: Sink;
  readonly bus: Bus;
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
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const LONGEST_WISH_MS = 300_000;

/**
 * Delivers events to one sink, in order and at least once, from the position stored in the ledger. Events that the sink
 * does not accept stay in the ledger and are retried; only those it permanently rejects, or that retention removes, are
 * skipped.
 */
export class Pump {
  readonly name: string;
  readonly #options: PumpOptions;
  readonly #troubles: Troubles;
  /** Ends waiting; a delivery in progress may finish. */
  readonly #stopping = new AbortController();
  /** Ends a delivery in progress, too. */
  readonly #cutting = new AbortController();
  readonly #done: Promise<void>;
  #at: string | undefined;
  #refused: SinkProgress['refused'][number][] = [];
  #savedAt = 0;

  constructor(options: PumpOptions) {
    const { name, logger, clock } = options;
    this.name = name;
    this.#options = options;
    this.#troubles = new Troubles(name, { logger, clock });
    this.#done = this.#keepRunning();
  }

  /** The id of the last event that the sink is done with; undefined until the ledger has reported it. */
  get at(): string | undefined {
    return this.#at;
  }

  /** Why the last attempt failed; undefined while the sink accepts events. */
  get failing(): string | undefined {
    return this.#troubles.reason;
  }

  /** Lets the delivery in progress finish, and aborts it once `signal` does. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopping.abort();
    await cutOnAbort(this.#done, signal, () => this.#cutting.abort());
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
    this.#at = await this.#open();
    if (this.#at === undefined) return;
    for await (const step of follow({ bus, clock, after: this.#at, limit: BATCH, signal })) {
      if (step.kind === 'gap') this.#lost(step);
      else if (!(await this.#deliver(step.events))) break;
      this.#at = step.at;
      await this.#save();
    }
    await this.#save();
  }

  async #open(): Promise<string | undefined> {
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
      const { taken, failure } = await attempt(sink, events.slice(done), this.#cutting.signal);
      if (taken > 0) onEvents('delivered', taken);
      done += taken;
      const next = events[done];
      if (failure?.refused === true && next !== undefined) {
        this.#refuse(next, failure.reason);
        done++;
      }
      this.#at = events[done - 1]?.id ?? this.#at;
      const waits = failure !== undefined && failure.refused !== true;
      if (taken > 0 || !waits) {
        attempts = 0;
        this.#troubles.over();
      }
      if (waits || clock.monotonic() - this.#savedAt > SAVE_MS) await this.#save();
      if (waits) await this.#wait(failure, attempts++);
    }
    return true;
  }

  async #wait(failure: Failure, attempts: number): Promise<void> {
    const { clock, random, onFailure } = this.#options;
    onFailure();
    this.#troubles.failed(failure.reason);
    const wish = Math.min(failure.retryAfterMs ?? 0, LONGEST_WISH_MS);
    await pause(clock, Math.max(waitMs(attempts, random()), wish), this.#stopping.signal);
  }

  #refuse({ id }: CloudEvent, reason: string): void {
    const { clock, onEvents, onFailure } = this.#options;
    onFailure();
    onEvents('refused', 1);
    this.#refused.push({ id, at: clock.now(), reason });
    this.#troubles.refused(id, reason);
  }

  #lost({ after, at, oldest }: Extract<Step, { kind: 'gap' }>): void {
    const count = (parseEventId(at)?.offset ?? 0) - (parseEventId(after)?.offset ?? 0);
    if (count > 0) this.#options.onEvents('lost', count);
    this.#options.logger.error(
      { sink: this.name, after, oldest, events: count },
      'retention removed events before a sink accepted them; fix the sink, or keep events longer',
    );
  }

  /** If the ledger cannot store the progress, the next save does; until then a restart would repeat events. */
  async #save(): Promise<void> {
    const { ledger, clock } = this.#options;
    if (this.#at === undefined) return;
    const refused = this.#refused;
    this.#refused = [];
    try {
      await ledger.saveSink({ sink: this.name, after: this.#at, refused });
      this.#savedAt = clock.monotonic();
    } catch (error) {
      if (!(error instanceof LedgerUnavailableError)) throw error;
      this.#refused = [...refused, ...this.#refused];
    }
  }
}

/** A sink should return a failure; one that throws did not accept the events either. */
async function attempt(sink: Sink, events: readonly CloudEvent[], signal: AbortSignal): Promise<Delivered> {
  try {
    return await sink.deliver(events, signal);
  } catch (error) {
    return { taken: 0, failure: { reason: error instanceof Error ? error.message : String(error) } };
  }
}

/** Exponential backoff with a limit and jitter, so that the sinks of one receiver do not all retry at once. */
export function waitMs(attempts: number, random: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempts) * (0.5 + random / 2);
}
