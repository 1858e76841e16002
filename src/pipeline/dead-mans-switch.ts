import type { HttpClient } from './http-client.ts';
import type { Config } from '../config/types.ts';
import { PeriodicTask, type Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';

export interface DeadMansSwitchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Pick<Ledger, 'append' | 'writable'>;
  readonly selfMetrics: Pick<SelfMetrics, 'pipeline'>;
  readonly client: Pick<HttpClient, 'get'>;
  /** Whether every watchdog was received in time. */
  readonly allFresh: () => boolean;
}

const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;
const MAX_ANSWER_BYTES = 64 * 1_024;

/**
 * Calls `ping_url` while the alerting pipeline works: the service that expects the call notices when the pipeline, or
 * Tocsin, is broken.
 */
export class DeadMansSwitch {
  readonly #options: DeadMansSwitchOptions;
  #url: Config['pingUrl'];
  #intervalMs = LONGEST_MS;
  #failing = false;
  readonly #pings: PeriodicTask;

  constructor(options: DeadMansSwitchOptions) {
    this.#options = options;
    const everyMs = () => this.#intervalMs;
    this.#pings = new PeriodicTask(options, 'ping_url', everyMs, () => this.#ping());
  }

  /** Sets the interval: half of the shortest `expect_every`, and at most a minute. */
  configure({ pingUrl, watchdogs }: Pick<Config, 'pingUrl' | 'watchdogs'>): void {
    this.#url = pingUrl;
    const shortest = watchdogs.reduce(
      (least, { expectEveryMs }) => Math.min(least, expectEveryMs / 2),
      LONGEST_MS,
    );
    this.#intervalMs = Math.max(SHORTEST_MS, shortest);
    if (pingUrl === undefined) this.#pings.stop();
    else this.#pings.start(SHORTEST_MS);
  }

  stop(): void {
    this.#pings.stop();
  }

  async #ping(): Promise<void> {
    const { selfMetrics, clock } = this.#options;
    if (this.#url === undefined) return;
    if (!(await this.#isPipelineWorking())) {
      selfMetrics.pipeline.countPing('withheld', clock.now());
      return;
    }
    const problem = await this.#callUrl(this.#url.reveal());
    selfMetrics.pipeline.countPing(problem === undefined ? 'sent' : 'failed', clock.now());
    this.#logChange(problem);
  }

  /** Asks the ledger for a transaction: a hung thread does not answer. */
  async #isPipelineWorking(): Promise<boolean> {
    const { ledger, allFresh } = this.#options;
    if (!allFresh() || !ledger.writable()) return false;
    try {
      await ledger.append([]);
    } catch {
      return false;
    }
    return allFresh() && ledger.writable();
  }

  /** @returns what went wrong; never the URL */
  async #callUrl(url: string): Promise<string | undefined> {
    try {
      const { status } = await this.#options.client.get({ url, maxBytes: MAX_ANSWER_BYTES });
      return status >= 200 && status < 300 ? undefined : `it answered with ${status}`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #logChange(problem: string | undefined): void {
    const { logger } = this.#options;
    if (problem !== undefined && !this.#failing)
      logger.warn({ problem }, 'ping_url cannot be called; retrying, silently until it succeeds');
    if (problem === undefined && this.#failing) logger.info({}, 'ping_url can be called again');
    this.#failing = problem !== undefined;
  }
}
