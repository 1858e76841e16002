import type { HttpClient } from './http-client.ts';
import type { AlertmanagerConfig } from '../config/types.ts';
import { PeriodicTask, type Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { AlertmanagerResponse } from '../alerts/reconciliation-types.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ReconcileResult } from '../ledger/alertmanager-snapshot.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import { fetchAlerts } from './alertmanager-client.ts';

export interface AlertmanagerReconcilerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ledger: Pick<Ledger, 'reconcile'>;
  readonly selfMetrics: Pick<SelfMetrics, 'pipeline'>;
  readonly client: Pick<HttpClient, 'get'>;
}

const INTERVAL_MS = 60_000;

type Reconciled = Extract<ReconcileResult, { outcome: 'reconciled' }>;

/** Fetches the alerts of every Alertmanager once a minute, and lets the ledger correct itself by them. */
export class AlertmanagerReconciler {
  readonly #options: AlertmanagerReconcilerOptions;
  #alertmanagers: readonly AlertmanagerConfig[] = [];
  readonly #failing = new Set<string>();
  readonly #rounds: PeriodicTask;

  constructor(options: AlertmanagerReconcilerOptions) {
    this.#options = options;
    this.#rounds = new PeriodicTask(options, 'reconciliation', INTERVAL_MS, () => this.#reconcileAll());
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

  async #reconcileAll(): Promise<void> {
    const webhooks = new Set(this.#alertmanagers.map(({ webhook }) => webhook));
    for (const webhook of webhooks) await this.#reconcile(webhook);
  }

  async #reconcile(webhook: string): Promise<void> {
    const { clock, ledger, selfMetrics, logger } = this.#options;
    const asked = this.#alertmanagers.filter((one) => one.webhook === webhook);
    const requestedAt = clock.now();
    const answers = await Promise.all(asked.map((one) => this.#fetch(one)));
    const responses = answers.filter((answer) => answer !== undefined);
    if (responses.length === 0) return;
    try {
      const complete = responses.length === asked.length;
      const result = await ledger.reconcile({ webhook, requestedAt, complete, responses });
      if (result.outcome === 'malformed') {
        this.#recordFailure(result.name, result.detail);
        return;
      }
      selfMetrics.pipeline.reconciled(webhook, result.drift, result.repaired);
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

  async #fetch(config: AlertmanagerConfig): Promise<AlertmanagerResponse | undefined> {
    const { client, selfMetrics, clock, logger } = this.#options;
    const { name } = config;
    try {
      const { response, problem } = await fetchAlerts(client, config, () => clock.now());
      if (problem !== undefined) {
        this.#recordFailure(name, problem);
        return response;
      }
      selfMetrics.pipeline.alertmanagerAnswered(name, clock.now());
      if (this.#failing.delete(name)) logger.info({ alertmanager: name }, 'an Alertmanager answers again');
      return response;
    } catch (error) {
      this.#recordFailure(name, error instanceof Error ? error.message : String(error));
      return undefined;
    }
  }

  #recordFailure(name: string, problem: string): void {
    const { selfMetrics, logger } = this.#options;
    selfMetrics.pipeline.alertmanagerFailed(name);
    if (this.#failing.has(name)) return;
    this.#failing.add(name);
    logger.warn(
      { alertmanager: name, problem },
      'an Alertmanager does not list its alerts; none is considered resolved or missing because of that',
    );
  }
}
