import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';

export interface RejectedClientsLogOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** At most one line in this time, milliseconds. Default: a minute. */
  readonly periodMs?: number;
  /** How the summary is logged. Default: `clients were not served`, at debug. */
  readonly summary?: { readonly level: 'debug' | 'warn'; readonly message: string };
}

const DEFAULT_SUMMARY = { level: 'debug', message: 'clients were not served' } as const;

const MAX_CLIENTS = 1_000;

/**
 * Logs clients that disconnected, were refused or were cut off: never a line for each, but one summary a minute. Where
 * nothing is lost, no one needs to act (debug); where deliveries are lost, it is a warning. The metrics have the exact
 * counts.
 */
export class RejectedClientsLog {
  readonly #options: RejectedClientsLogOptions;
  readonly #counts = new Map<string, number>();
  readonly #clients = new Map<string, number>();

  constructor(options: RejectedClientsLogOptions) {
    this.#options = options;
  }

  /** @param what such as `scrape limited`; one of a closed set */
  record(what: string, client: string): void {
    if (this.#counts.size === 0) {
      this.#options.clock.after(this.#options.periodMs ?? 60_000, () => this.#logSummary());
    }
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    // beyond this many addresses the busiest of the first ones is example enough
    if (this.#clients.size < MAX_CLIENTS || this.#clients.has(client)) {
      this.#clients.set(client, (this.#clients.get(client) ?? 0) + 1);
    }
  }

  #logSummary(): void {
    let busiest = { address: '', times: 0 };
    for (const [address, times] of this.#clients) if (times > busiest.times) busiest = { address, times };
    const { logger, summary = DEFAULT_SUMMARY } = this.#options;
    logger[summary.level](
      {
        counts: Object.fromEntries(this.#counts),
        addresses: this.#clients.size,
        busiest,
      },
      summary.message,
    );
    this.#counts.clear();
    this.#clients.clear();
  }
}
