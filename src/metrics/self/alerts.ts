import { Counter, Histogram, type Registry } from 'prom-client';
import { TRANSITIONS, type Transition } from '../../domain/event.ts';

const DELIVERY_OUTCOMES = [
  'accepted',
  'duplicate',
  'partial',
  'malformed',
  'unauthorized',
  'too_large',
  'unavailable',
] as const;
/** Outcome of a webhook request. */
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number];

const ALERT_OUTCOMES = ['accepted', 'duplicate', 'quarantined'] as const;
/** Outcome of one alert of a delivery. */
export type AlertOutcome = (typeof ALERT_OUTCOMES)[number];

/** Webhook requests and their alerts. */
export class WebhookInstruments {
  readonly #deliveries: Counter<'webhook' | 'outcome'>;
  readonly #alerts: Counter<'webhook' | 'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#deliveries = new Counter({
      name: 'tocsin_webhook_deliveries_total',
      help: 'Webhook requests by webhook entry and outcome.',
      labelNames: ['webhook', 'outcome'],
      registers,
    });
    this.#alerts = new Counter({
      name: 'tocsin_webhook_alerts_total',
      help: 'Alerts in webhook requests by webhook entry and outcome.',
      labelNames: ['webhook', 'outcome'],
      registers,
    });
  }

  /** Starts the counters of an entry at 0, so that its first request is an increase. */
  declare(webhook: string): void {
    for (const outcome of DELIVERY_OUTCOMES) this.#deliveries.inc({ webhook, outcome }, 0);
    for (const outcome of ALERT_OUTCOMES) this.#alerts.inc({ webhook, outcome }, 0);
  }

  delivery(webhook: string, outcome: DeliveryOutcome): void {
    this.#deliveries.inc({ webhook, outcome });
  }

  alerts(webhook: string, outcome: AlertOutcome, count: number): void {
    this.#alerts.inc({ webhook, outcome }, count);
  }
}

/** Transitions of alerts. */
export class AlertInstruments {
  readonly #transitions: Counter<'transition'>;
  readonly #lag: Histogram;
  #own: Readonly<Partial<Record<Transition, number>>> = {};

  constructor(registry: Registry) {
    const registers = [registry];
    this.#transitions = new Counter({
      name: 'tocsin_alert_transitions_total',
      help: 'Alert episode transitions recorded in the ledger.',
      labelNames: ['transition'],
      registers,
    });
    for (const transition of TRANSITIONS) this.#transitions.inc({ transition }, 0);
    this.#lag = new Histogram({
      name: 'tocsin_alert_delivery_lag_seconds',
      help: 'Time from the start of an alert to its first receipt.',
      buckets: [1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600],
      registers,
    });
  }

  transitions(counts: Readonly<Partial<Record<Transition, number>>>): void {
    for (const transition of TRANSITIONS) this.#transitions.inc({ transition }, counts[transition] ?? 0);
  }

  /** Counts transitions that the ledger's thread made itself; its totals begin at 0 with each thread. */
  own(totals: Readonly<Partial<Record<Transition, number>>>): void {
    for (const transition of TRANSITIONS) {
      const [total, last] = [totals[transition] ?? 0, this.#own[transition] ?? 0];
      this.#transitions.inc({ transition }, total < last ? total : total - last);
    }
    this.#own = totals;
  }

  /** @param seconds received minus `startsAt`; negative where the sender's clock is ahead, and then counted as 0 */
  lag(seconds: number): void {
    this.#lag.observe(Math.max(0, seconds));
  }
}
