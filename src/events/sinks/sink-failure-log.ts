import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';

const REMINDER_MS = 60_000;

/** Logs the failures of a sink: the first one at once, further ones at most once a minute. */
export class SinkFailureLog {
  readonly #sink: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  #failing: { readonly since: number; loggedAt: number; attempts: number; reason: string } | undefined;
  #rejections: { readonly loggedAt: number; readonly count: number } | undefined;

  constructor(sink: string, { logger, clock }: { logger: Logger; clock: Clock }) {
    this.#sink = sink;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Why the last attempt failed; undefined after a success. */
  get reason(): string | undefined {
    return this.#failing?.reason;
  }

  recordFailure(reason: string): void {
    const now = this.#clock.monotonic();
    const failing = this.#failing ?? { since: now, loggedAt: Number.NEGATIVE_INFINITY, attempts: 0, reason };
    failing.attempts++;
    failing.reason = reason;
    this.#failing = failing;
    if (now - failing.loggedAt < REMINDER_MS) return;
    failing.loggedAt = now;
    const { attempts, since } = failing;
    this.#logger.warn(
      { sink: this.#sink, reason, attempts, seconds: (now - since) / 1_000 },
      'a sink does not accept events; they are kept and sent again',
    );
  }

  recordSuccess(): void {
    if (this.#failing === undefined) return;
    const seconds = (this.#clock.monotonic() - this.#failing.since) / 1_000;
    this.#failing = undefined;
    this.#logger.info({ sink: this.#sink, seconds }, 'a sink accepts events again');
  }

  recordRejection(event: string, reason: string): void {
    const now = this.#clock.monotonic();
    const { loggedAt, count } = this.#rejections ?? { loggedAt: Number.NEGATIVE_INFINITY, count: 0 };
    if (now - loggedAt < REMINDER_MS) {
      this.#rejections = { loggedAt, count: count + 1 };
      return;
    }
    this.#rejections = { loggedAt: now, count: 0 };
    this.#logger.warn(
      { sink: this.#sink, event, reason, more: count },
      'a sink refused an event permanently; it is kept as a dead letter',
    );
  }
}
