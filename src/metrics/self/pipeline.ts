import { Counter, Gauge, type Registry } from 'prom-client';
import type { EpochMs } from '../../domain/clock.ts';
import { absentGauge } from './instruments.ts';

/** The first level is the receiver that gets the alert immediately. */
const LEVELS = ['2', '3'] as const;
type Levels = Readonly<Record<string, readonly number[]>>;

/** Metrics of the alert path: watchdogs, the dead man's switch, reconciliation, escalation. */
export class PipelineInstruments {
  readonly #lastSeen: Gauge<'watchdog'>;
  readonly #fresh: Gauge<'watchdog'>;
  readonly #pinged: Gauge;
  readonly #pings: Counter<'outcome'>;
  readonly #reconciled: Gauge<'alertmanager'>;
  readonly #failures: Counter<'alertmanager'>;
  readonly #drift: Gauge<'webhook' | 'kind'>;
  readonly #repairs: Counter<'repair'>;
  readonly #levels: Gauge<'severity_class' | 'escalation' | 'service'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lastSeen = new Gauge({
      name: 'tocsin_watchdog_last_seen_timestamp_seconds',
      help: 'Time at which a watchdog was last delivered as firing, in seconds since the epoch.',
      labelNames: ['watchdog'],
      registers,
    });
    this.#fresh = new Gauge({
      name: 'tocsin_watchdog_fresh',
      help: 'Whether a watchdog was delivered within its expect_every.',
      labelNames: ['watchdog'],
      registers,
    });
    this.#pinged = absentGauge(registry, {
      name: 'tocsin_ping_last_success_timestamp_seconds',
      help: 'Time of the last successful call of ping_url, in seconds since the epoch.',
    });
    this.#pings = new Counter({
      name: 'tocsin_pings_total',
      help: 'Calls of ping_url that were due, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of ['sent', 'failed', 'withheld']) this.#pings.inc({ outcome }, 0);
    this.#reconciled = new Gauge({
      name: 'tocsin_reconciliation_last_success_timestamp_seconds',
      help: 'Time at which an Alertmanager last listed its alerts, in seconds since the epoch.',
      labelNames: ['alertmanager'],
      registers,
    });
    this.#failures = new Counter({
      name: 'tocsin_reconciliation_failures_total',
      help: 'Failed requests for the list of alerts of an Alertmanager.',
      labelNames: ['alertmanager'],
      registers,
    });
    this.#drift = new Gauge({
      name: 'tocsin_reconciliation_drift',
      help: 'Alerts about which the ledger and the Alertmanagers of a webhook disagree.',
      labelNames: ['webhook', 'kind'],
      registers,
    });
    this.#repairs = new Counter({
      name: 'tocsin_reconciliation_repairs_total',
      help: 'Episodes corrected by reconciliation with the Alertmanagers.',
      labelNames: ['repair'],
      registers,
    });
    for (const repair of ['expired', 'reopened', 'confirmed', 'refuted']) this.#repairs.inc({ repair }, 0);
    this.#levels = new Gauge({
      name: 'tocsin_escalation_after_seconds',
      help: 'Time after which an unacknowledged alert escalates to this level, +Inf for never.',
      labelNames: ['severity_class', 'escalation', 'service'],
      registers,
    });
  }

  /** Sets the state of each watchdog; `fresh` is undefined until its first delivery is due. */
  watchdogs(
    standings: readonly {
      readonly name: string;
      readonly lastSeenAt: EpochMs | undefined;
      readonly fresh: boolean | undefined;
    }[],
  ): void {
    this.#lastSeen.reset();
    this.#fresh.reset();
    for (const { name: watchdog, lastSeenAt, fresh } of standings) {
      if (lastSeenAt !== undefined) this.#lastSeen.set({ watchdog }, lastSeenAt / 1_000);
      if (fresh !== undefined) this.#fresh.set({ watchdog }, fresh ? 1 : 0);
    }
  }

  countPing(outcome: 'sent' | 'failed' | 'withheld', atMs: EpochMs): void {
    this.#pings.inc({ outcome });
    if (outcome === 'sent') this.#pinged.set(atMs / 1_000);
  }

  /** Sets the Alertmanagers that are queried. */
  configure(alertmanagers: readonly { readonly name: string }[]): void {
    this.#reconciled.reset();
    this.#drift.reset();
    for (const { name: alertmanager } of alertmanagers) this.#failures.inc({ alertmanager }, 0);
  }

  /** Sets the escalation levels, and those of services of their own: the times (ms) for each severity. */
  escalation(
    general: Levels,
    services: readonly { readonly name: string; readonly escalation: Levels }[],
  ): void {
    this.#levels.reset();
    for (const [severity_class, times] of Object.entries(general)) {
      for (const [index, escalation] of LEVELS.entries()) {
        const ms = times[index];
        if (ms !== undefined) this.#levels.set({ severity_class, escalation }, ms / 1_000);
      }
    }
    for (const { name: service, escalation: own } of services) {
      for (const [severity_class, times] of Object.entries(own)) {
        // every level: the rules would otherwise use the general one for a level that the service lacks
        for (const [index, escalation] of LEVELS.entries())
          this.#levels.set({ severity_class, escalation, service }, (times[index] ?? Infinity) / 1_000);
      }
    }
  }

  alertmanagerAnswered(alertmanager: string, atMs: EpochMs): void {
    this.#reconciled.set({ alertmanager }, atMs / 1_000);
  }

  alertmanagerFailed(alertmanager: string): void {
    this.#failures.inc({ alertmanager });
  }

  reconciled(
    webhook: string,
    drift: Readonly<Record<'orphaned' | 'missing', number>>,
    repaired: Readonly<Record<'expired' | 'reopened' | 'confirmed' | 'refuted', number>>,
  ): void {
    for (const [kind, count] of Object.entries(drift)) this.#drift.set({ webhook, kind }, count);
    for (const [repair, count] of Object.entries(repaired)) this.#repairs.inc({ repair }, count);
  }
}
