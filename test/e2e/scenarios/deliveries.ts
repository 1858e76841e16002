import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as soon } from 'node:timers/promises';
import { postWebhook, webhookAlert, webhookPayload, type IntakeAnswer } from '../../support/alerts/alerts.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';

export interface DeliveriesOptions {
  /** Webhook requests in total. */
  readonly requests: number;
  /** `kill -9` and restart after this many answers. */
  readonly killAfter: number;
  /** Concurrent requests. */
  readonly concurrency: number;
}

export interface DeliveriesRecord {
  /** Answers by status; 0 is a broken connection (the request was sent again). */
  readonly statuses: Readonly<Record<number, number>>;
  readonly alertsAnswered: number;
  /** Alerts that were answered with 200 but have no episode. */
  readonly lost: readonly string[];
  /** Episodes that exist more than once. */
  readonly twice: readonly string[];
  /** Transitions that the ledger holds more than once for an episode. */
  readonly repeatedTransitions: readonly string[];
  readonly offsetsGapless: boolean;
  readonly largestBody: number;
  readonly seconds: number;
  readonly episodes: number;
  readonly events: number;
}

/** A request, and those of its alerts that a 200 promises to have stored. */
interface Request {
  readonly body: string;
  readonly promises: readonly string[];
  /** 400 is the correct answer. */
  readonly refused?: boolean;
}

const AT = '2026-01-01T00:00:00Z';
const LATER = '2026-01-01T00:10:00Z';

/** Posts what Alertmanager and less careful senders send, kills Tocsin half-way, and counts what the ledger has. */
export async function runDeliveries(options: DeliveriesOptions): Promise<DeliveriesRecord> {
  await using folder = temporaryFolder();
  const config = 'store: { path: ledger.db }\nhost: { enabled: false }\n';
  writeFileSync(join(folder.path, 'tocsin.yml'), config);
  const run = new Run(await startTocsin({ folder: folder.path, config }));
  const requests = Array.from({ length: options.requests }, (_, i) => request(i));
  const start = performance.now();
  let next = 0;
  let killed: Promise<void> | undefined;
  const worker = async () => {
    for (let at = next++; at < requests.length; at = next++) {
      if (at === options.killAfter)
        killed = run.killAndRestart(() => startTocsin({ folder: folder.path, config }));
      const one = requests[at];
      if (one !== undefined) await run.send(one);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, worker));
  await killed;
  const seconds = (performance.now() - start) / 1_000;
  const held = await run.readLedger();
  await run.stop();
  return {
    ...run.verdict(held),
    seconds,
    largestBody: Math.max(...requests.map(({ body }) => Buffer.byteLength(body))),
  };
}

interface Held {
  readonly episodes: readonly { readonly labels: Readonly<Record<string, string>> }[];
  readonly events: readonly {
    readonly id: string;
    readonly type: string;
    readonly data: { readonly episode?: string; readonly ordinal?: number };
  }[];
}

class Run {
  #tocsin: RunningTocsin;
  #restarting: Promise<void> | undefined;
  readonly #statuses: Record<number, number> = {};
  readonly #promised = new Set<string>();

  constructor(tocsin: RunningTocsin) {
    this.#tocsin = tocsin;
  }

  killAndRestart(start: () => Promise<RunningTocsin>): Promise<void> {
    this.#restarting = this.#tocsin
      .kill()
      .then(start)
      .then((tocsin) => {
        this.#tocsin = tocsin;
        this.#restarting = undefined;
      });
    return this.#restarting;
  }

  /** Sends until it is answered, as Alertmanager does. */
  async send({ body, promises, refused }: Request): Promise<void> {
    for (;;) {
      const answer = await this.#post(body);
      this.#statuses[answer.status] = (this.#statuses[answer.status] ?? 0) + 1;
      if (answer.status === 200) for (const identity of promises) this.#promised.add(identity);
      if (answer.status === 200 || (refused === true && answer.status === 400)) return;
      if (answer.status !== 0 && answer.status !== 503) return;
      await (this.#restarting ?? soon());
    }
  }

  async #post(body: string): Promise<IntakeAnswer> {
    try {
      return await postWebhook(this.#tocsin.url, body);
    } catch {
      return { status: 0, accepted: 0, duplicates: 0, quarantined: 0 };
    }
  }

  async readLedger(): Promise<Held> {
    const get = async (path: string) => (await (await fetch(`${this.#tocsin.url}${path}`)).json()) as never;
    const { alerts } = (await get('/api/v1/alerts?state=all&limit=10000')) as { alerts: Held['episodes'] };
    const events: Held['events'][number][] = [];
    for (let after = ''; ;) {
      const page = (await get(`/api/v1/events?type=tocsin.alert.*&limit=10000${after}`)) as {
        events: Held['events'];
        next_after: string;
      };
      events.push(...page.events);
      if (page.events.length < 10_000) return { episodes: alerts, events };
      after = `&after=${page.next_after}`;
    }
  }

  async stop(): Promise<void> {
    await this.#tocsin.stop();
  }

  verdict({ episodes, events }: Held) {
    const identities = episodes.map(({ labels }) => identityOf(labels));
    const there = new Set(identities);
    const steps = events.map(({ data }) => `${data.episode ?? ''} ${data.ordinal ?? ''}`);
    const offsets = events.map(({ id }) => Number(id.split('-').at(-1)));
    return {
      statuses: this.#statuses,
      alertsAnswered: this.#promised.size,
      lost: [...this.#promised].filter((identity) => !there.has(identity)),
      twice: identities.filter((identity, i) => identities.indexOf(identity) !== i),
      repeatedTransitions: steps.filter((step, i) => steps.indexOf(step) !== i),
      offsetsGapless: offsets.every((offset, i) => i === 0 || offset === (offsets[i - 1] ?? 0) + 1),
      episodes: episodes.length,
      events: events.length,
    };
  }
}

function identityOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The i-th request: every payload that real senders send, in turn. */
function request(i: number): Request {
  const labels = {
    alertname: `Alert${i}`,
    instance: `host-${i % 50}`,
    severity: ['critical', 'warning', 'info'][i % 3] ?? '',
  };
  const one = (
    alert: Record<string, unknown>,
    promised: Record<string, string> = labels,
    more = {},
  ): Request => ({
    body: JSON.stringify(webhookPayload([alert], more)),
    promises: [identityOf(promised)],
  });
  switch (i % 12) {
    case 1: {
      // reported as resolved by the next request of its kind
      return one(webhookAlert(labels, { startsAt: AT }));
    }
    case 2: {
      const before = {
        ...labels,
        alertname: `Alert${i - 1}`,
        instance: `host-${(i - 1) % 50}`,
        severity: ['critical', 'warning', 'info'][(i - 1) % 3] ?? '',
      };
      return one(webhookAlert(before, { status: 'resolved', startsAt: AT, endsAt: LATER }), before);
    }
    case 3:
      return one(webhookAlert({ ...labels, 'téam.näme': 'Ünïcode ✓ 🚨' }), {
        ...labels,
        'téam.näme': 'Ünïcode ✓ 🚨',
      });
    case 4:
      return one(webhookAlert(labels, { annotations: null }), labels, {
        groupLabels: null,
        commonLabels: {},
        commonAnnotations: null,
      });
    case 5: {
      const nameless = { job: `job-${i}` };
      return one(webhookAlert(nameless), nameless);
    }
    case 6:
      return one(webhookAlert(labels, { status: 'resolved', endsAt: '0001-01-01T00:00:00Z' }));
    case 7:
      return one(webhookAlert(labels, { unknownField: { deep: [1, 2, 3] } }), labels, {
        somethingNew: true,
        routeLabels: { a: 'b' },
      });
    case 8:
      return one(
        webhookAlert(labels, { annotations: { text: i % 600 === 8 ? 'x'.repeat(5_000_000) : 'short' } }),
      );
    case 9: {
      // sent again unchanged
      const again = i - 9;
      return request(again);
    }
    case 10: {
      const many = Array.from({ length: 20 }, (_, n) => ({ alertname: `Group${i}`, instance: `host-${n}` }));
      return {
        body: JSON.stringify(webhookPayload(many.map((each) => webhookAlert(each)))),
        promises: many.map(identityOf),
      };
    }
    case 11:
      return {
        body: i % 24 === 11 ? '{"version":"4","alerts":' : '{"text":"not an alert"}',
        promises: [],
        refused: true,
      };
    default:
      return one(webhookAlert(labels));
  }
}
