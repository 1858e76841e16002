import type { HttpClient } from './http-client.ts';
import type { AlertmanagerConfig } from '../config/types.ts';
import { PeriodicTask, type Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { AlertListing } from '../alerts/reconciliation.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ReconcileResult } from '../ledger/alertmanager-snapshot.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import { askAlertmanager } from './alertmanager-client.ts';

export interface ReconcilingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Pick<Ledger, 'reconcile'>;
  readonly self: Pick<SelfMetrics, 'pipeline'>;
  readonly client: Pick<HttpClient, 'get'>;
}

const EVERY_MS = 60_000;

type Reconciled = Extract<ReconcileResult, { outcome: 'reconciled' }>;

/** Fetches the alerts of every Alertmanager once a minute, and lets the ledger correct itself by them. */
export class Reconciling {
  readonly #options: ReconcilingOptions;
  #alertmanagers: readonly AlertmanagerConfig[] = [];
  readonly #failing = new Set<string>();
  readonly #rounds: PeriodicTask;

  constructor(options: ReconcilingOptions) {
    this.#options = options;
    this.#rounds = new PeriodicTask(options, 'reconciliation', EVERY_MS, () => this.#round());
  }

  /** Replaces the set of Alertmanagers and asks them as soon as the current round, if any, has ended. */
  configure(alertmanagers: readonly AlertmanagerConfig[]): void {
    this.#alertmanagers = alertmanagers;
    if (alertmanagers.length > 0) this.#rounds.start(0);
    else this.#rounds.stop();
  }

  stop(): void {
    this.#rounds.stop();
  }

  async #round(): Promise<void> {
    const webhooks = new Set(this.#alertmanagers.map(({ webhook }) => webhook));
    for (const webhook of webhooks) await this.#reconcile(webhook);
  }

  async #reconcile(webhook: string): Promise<void> {
    const { clock, ledger, self, logger } = this.#options;
    const asked = this.#alertmanagers.filter((one) => one.webhook === webhook);
    const askedAt = clock.now();
    const answers = await Promise.all(asked.map((one) => this.#ask(one)));
    const lists = answers.filter((answer) => answer !== undefined);
    if (lists.length === 0) return;
    try {
      const complete = lists.length === asked.length;
      const result = await ledger.reconcile({ webhook, askedAt, complete, lists });
      if (result.outcome === 'malformed') {
        this.#failed(result.name, result.detail);
        return;
      }
      self.pipeline.reconciled(webhook, result.drift, result.repaired);
      this.#reportMissing(webhook, result);
    } catch (error) {
      logger.warn({ webhook, error: String(error) }, 'the ledger could not be reconciled; retrying');
    }
  }

  #reportMissing(webhook: string, { drift, missing }: Reconciled): void {
    if (drift.missing === 0) return;
    this.#options.logger.warn(
      { webhook, missing: drift.missing, ...missing },
      'Alertmanager has alerts for this webhook that were never delivered; see TocsinReconciliationFailing in docs/runbooks',
    );
  }

  async #ask(config: AlertmanagerConfig): Promise<AlertListing | undefined> {
    const { client, self, clock, logger } = this.#options;
    const { name } = config;
    try {
      const { listing, problem } = await askAlertmanager(client, config, () => clock.now());
      if (problem !== undefined) {
        this.#failed(name, problem);
        return listing;
      }
      self.pipeline.answered(name, clock.now());
      if (this.#failing.delete(name)) logger.info({ alertmanager: name }, 'an Alertmanager answers again');
      return listing;
    } catch (error) {
      this.#failed(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #failed(name: string, problem: string): void {
    const { self, logger } = this.#options;
    self.pipeline.unanswered(name);
    if (this.#failing.has(name)) return;
    this.#failing.add(name);
    logger.warn(
      { alertmanager: name, problem },
      'an Alertmanager does not list its alerts; none is considered resolved or missing because of that',
    );
  }
}
