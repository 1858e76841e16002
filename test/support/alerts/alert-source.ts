import { setTimeout as pause } from 'node:timers/promises';

/** One life of an alert as it really was; milliseconds since the epoch. */
export interface Life {
  readonly startsAt: number;
  endsAt?: number;
}

const RESEND_MS = 1_000;
/**
 * The alerts of a vanished sender resolve after this time. Prometheus has four resends; a loaded machine pauses for
 * longer.
 */
const EXPIRES_MS = 60 * RESEND_MS;

/** Posts its alerts to every Alertmanager as Prometheus does: at once, then repeatedly, including ended ones. */
export class AlertSource implements AsyncDisposable {
  readonly #urls: readonly string[];
  readonly #lives = new Map<string, Life[]>();
  readonly #stop = new AbortController();
  #sending: Promise<void> = Promise.resolve();
  readonly #loop: Promise<void>;

  constructor(urls: readonly string[]) {
    this.#urls = urls;
    this.#loop = this.#repeat();
  }

  /** What really happened, by instance. */
  get lives(): ReadonlyMap<string, readonly Life[]> {
    return this.#lives;
  }

  /** Starts a life of every instance `KIND-0`, `KIND-1` … */
  begin(kind: string, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const instance = `${kind}-${i}`;
      this.#lives.set(instance, [...(this.#lives.get(instance) ?? []), { startsAt: Date.now() + i }]);
    }
    return this.#send();
  }

  /** Ends the current lives of a kind. */
  end(kind: string): Promise<void> {
    for (const [instance, lives] of this.#lives) {
      const last = lives.at(-1);
      if (kindOf(instance) === kind && last !== undefined) last.endsAt ??= Date.now();
    }
    return this.#send();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#sending;
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#send();
      await pause(RESEND_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One after the other, so that no Alertmanager receives an older report after a newer one. */
  #send(): Promise<void> {
    this.#sending = this.#sending.then(async () => {
      if (this.#lives.size === 0) return;
      const now = Date.now();
      const body = JSON.stringify(
        [...this.#lives].map(([instance, lives]) => reported(instance, lives, now)),
      );
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
      const posts = this.#urls.map((url) => fetch(`${url}/api/v2/alerts`, init).catch(() => undefined));
      await Promise.all(posts.map(async (post) => (await post)?.arrayBuffer()));
    });
    return this.#sending;
  }
}

function kindOf(instance: string): string {
  return instance.slice(0, instance.lastIndexOf('-'));
}

function reported(instance: string, lives: readonly Life[], now: number): Record<string, unknown> {
  const { startsAt = now, endsAt = now + EXPIRES_MS } = lives.at(-1) ?? {};
  return {
    labels: { alertname: kindOf(instance), instance, severity: 'critical' },
    annotations: { summary: `${instance} fires` },
    startsAt: new Date(startsAt).toISOString(),
    endsAt: new Date(endsAt).toISOString(),
    generatorURL: 'http://prometheus.example:9090/graph',
  };
}
