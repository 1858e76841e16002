import { setTimeout as pause } from 'node:timers/promises';
import { postWebhook, webhookAlert, webhookPayload } from '../alerts/alerts.ts';

const PER_REQUEST = 20;

/** First firings, each of which becomes one event, at a steady rate. */
export class EventLoad {
  /** Names of the alerts that were answered with 200, all unique. */
  readonly accepted: string[] = [];
  /** Duration of each delivery, milliseconds, since `latencies` was last emptied. */
  latencies: number[] = [];
  readonly #url: () => string;
  readonly #everyMs: number;
  readonly #running: Promise<void>;
  readonly #under = new Set<Promise<void>>();
  #count = 0;
  #stopped = false;

  /** @param url called for each delivery: Tocsin may be restarted elsewhere */
  constructor(url: () => string, perSecond: number) {
    this.#url = url;
    this.#everyMs = (PER_REQUEST * 1_000) / perSecond;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#under);
  }

  async #run(): Promise<void> {
    const start = performance.now();
    for (let sent = 0; !this.#stopped; sent++) {
      const names = Array.from({ length: PER_REQUEST }, () => `Load${this.#count++}`);
      const going: Promise<void> = this.#deliver(names).finally(() => this.#under.delete(going));
      this.#under.add(going);
      await pause(Math.max(0, start + (sent + 1) * this.#everyMs - performance.now()));
    }
  }

  /** Retries until it is answered, as Alertmanager does. */
  async #deliver(names: readonly string[]): Promise<void> {
    const body = JSON.stringify(webhookPayload(names.map((alertname) => webhookAlert({ alertname }))));
    const start = performance.now();
    for (;;) {
      const answer = await postWebhook(this.#url(), body).catch(() => undefined);
      if (answer?.status === 200) break;
      await pause(50);
    }
    this.latencies.push(performance.now() - start);
    this.accepted.push(...names);
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
