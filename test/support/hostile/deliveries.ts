import { webhookAlert, webhookPayload } from '../alerts/alerts.ts';

/** Alerts that start with each delivery; as many of an earlier one end. */
const PER_DELIVERY = 5;
/** How many deliveries later an alert ends. */
const ENDS_AFTER = 20;
/** This many at a time when the ledger is filled. */
const FILL = 200;
/** One in this many is sent twice, as from another member of a cluster. */
const TWICE_EVERY = 10;

export interface Steps {
  readonly fired: number;
  readonly resolved: number;
}

/** What an Alertmanager sent and was answered. */
export interface DeliveryAccount {
  /** What the ledger must hold for each alert, by instance. */
  readonly expected: ReadonlyMap<string, Steps>;
  readonly sent: number;
  readonly answered: number;
}

/** An Alertmanager with a token: each delivery has new alerts and the end of older ones; some are sent twice. */
export class Deliveries {
  readonly #url: string;
  readonly #token: string;
  readonly #startsAt = new Map<number, string>();
  readonly #expected = new Map<string, Steps>();
  #last: { readonly n: number; readonly alerts: Record<string, unknown>[] } | undefined;
  #next = 0;
  #sent = 0;
  #answered = 0;

  /** @param url of the webhook */
  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  get account(): DeliveryAccount {
    return { expected: this.#expected, sent: this.#sent, answered: this.#answered };
  }

  /** Opens this many alerts that stay open. */
  async fill(count: number): Promise<void> {
    for (let first = 0; first < count; first += FILL) {
      const names = Array.from({ length: Math.min(FILL, count - first) }, (_, i) => `open-${first + i}`);
      const answer = await this.#post(names.map((instance) => alert(instance, new Date().toISOString())));
      if (answer.status !== 200) throw new Error(`a delivery was answered with ${answer.status}`);
      for (const instance of names) this.#expected.set(instance, { fired: 1, resolved: 0 });
    }
  }

  /** Sends the next delivery, once. */
  async send(signal: AbortSignal): Promise<Response> {
    const n = Math.floor(this.#next++ * (1 - 1 / TWICE_EVERY));
    if (this.#last?.n !== n) this.#last = { n, alerts: this.#make(n) };
    const answer = await this.#post(this.#last.alerts, signal);
    if (answer.status === 200) {
      this.#answered += 1;
      for (const instance of instancesOf(n)) this.#expected.set(instance, { fired: 1, resolved: 0 });
      for (const instance of endingWith(n)) this.#expected.set(instance, { fired: 1, resolved: 1 });
    }
    return answer;
  }

  #make(n: number): Record<string, unknown>[] {
    const now = new Date().toISOString();
    this.#startsAt.set(n, now);
    const startsAt = this.#startsAt.get(n - ENDS_AFTER) ?? now;
    this.#startsAt.delete(n - ENDS_AFTER);
    return [
      ...instancesOf(n).map((instance) => alert(instance, now)),
      ...endingWith(n).map((instance) => alert(instance, startsAt, now)),
    ];
  }

  #post(alerts: Record<string, unknown>[], signal?: AbortSignal): Promise<Response> {
    this.#sent += 1;
    return fetch(this.#url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${this.#token}`,
        'content-type': 'application/json',
        'user-agent': 'Alertmanager/0.33.0',
      },
      body: JSON.stringify(webhookPayload(alerts)),
      ...(signal && { signal }),
    });
  }
}

function instancesOf(n: number): string[] {
  return Array.from({ length: PER_DELIVERY }, (_, i) => `storm-${n}-${i}`);
}

function endingWith(n: number): string[] {
  return n < ENDS_AFTER ? [] : instancesOf(n - ENDS_AFTER);
}

function alert(instance: string, startsAt: string, endsAt?: string): Record<string, unknown> {
  const labels = { alertname: 'DiskFull', severity: 'warning', job: 'node', instance };
  const end = endsAt === undefined ? {} : { status: 'resolved', endsAt };
  return webhookAlert(labels, { startsAt, ...end });
}
