import { setTimeout as pause } from 'node:timers/promises';
import { AlertmanagerCluster } from '../../support/alerts/alertmanager-cluster.ts';
import { AlertSource, type Life } from '../../support/alerts/alert-source.ts';
import { json } from '../../support/alerts/chain.ts';
import { freePort } from '../../support/processes/process.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface ClusterRunOptions {
  /** How long Tocsin is down. */
  readonly downSeconds: number;
  /** Alerts of each kind. */
  readonly perKind: number;
}

interface AlertEvent {
  readonly type: string;
  readonly data: {
    readonly episode: string;
    readonly ordinal: number;
    readonly starts_at: string;
    readonly labels: Readonly<Record<string, string>>;
  };
}

export interface ClusterRecord {
  readonly alerts: number;
  readonly lives: number;
  readonly episodes: number;
  /** Instances whose episodes differ from their lives, with what was reported. */
  readonly wrong: readonly string[];
  /** Transitions (episode and ordinal) that the ledger holds more than once. */
  readonly repeatedTransitions: readonly string[];
  readonly transitions: Readonly<Record<string, number>>;
  readonly deliveries: number;
  /** Kinds of alerts that fired from the start and were never repeated: with nothing repeated, nothing is shown. */
  readonly unrepeated: readonly string[];
  /** Alerts in all deliveries: those that reported something new, and those that did not. */
  readonly accepted: number;
  readonly duplicates: number;
  readonly seconds: number;
}

const GROUP_INTERVAL_SECONDS = 5;
const PEER_TIMEOUT_SECONDS = 2;
const REPEAT_INTERVAL_SECONDS = 10;

/** Kinds of alerts that fire from the start. */
const FROM_THE_START = [
  'plain',
  'flaps',
  'silenced',
  'ends-down',
  'flaps-down',
  'ends-killed',
  'flaps-reload',
] as const;

/** Two Alertmanagers, one Tocsin, and everything that goes wrong between them. */
export async function runCluster(options: ClusterRunOptions): Promise<ClusterRecord> {
  const started = performance.now();
  await using folder = temporaryFolder();
  const port = await freePort();
  const receiver = `http://127.0.0.1:${port}/api/webhooks/alertmanager`;
  const cluster = await AlertmanagerCluster.start({
    folder: folder.path,
    peerTimeoutSeconds: PEER_TIMEOUT_SECONDS,
    config: alertmanagerConfig(receiver, ''),
  });
  const start = () =>
    startTocsin({
      folder: folder.path,
      listen: `127.0.0.1:${port}`,
      config: tocsinConfig(cluster.urls),
    });
  const source = new AlertSource(cluster.urls);
  const story = new Story(await start(), { cluster, source, perKind: options.perKind });
  try {
    await story.repeats();
    await story.flaps();
    await story.isSilenced();
    await story.receiverIsDown(options.downSeconds, start);
    await story.peerIsKilled();
    await story.isReloaded(alertmanagerConfig(receiver, 'routes: [{ matchers: [\'severity="critical"\'] }]'));
    await story.ends();
    return { ...(await story.verdict()), seconds: (performance.now() - started) / 1_000 };
  } finally {
    await source[Symbol.asyncDispose]();
    await cluster.stop();
    await story.stop();
  }
}

function alertmanagerConfig(receiver: string, routes: string): string {
  const more = routes === '' ? '' : `, ${routes}`;
  return `route:
  { receiver: tocsin, group_by: [alertname], group_wait: 1s, group_interval: ${GROUP_INTERVAL_SECONDS}s, repeat_interval: ${REPEAT_INTERVAL_SECONDS}s${more} }
receivers: [{ name: tocsin, webhook_configs: [{ url: '${receiver}' }] }]
`;
}

function tocsinConfig(urls: readonly string[]): string {
  return `host: { enabled: false }
store: { path: ledger.db }
alerts: { same_start_tolerance: 1s, stale_hold: 2m }
webhooks:
  - name: main
    alertmanager: { peers: 2, peer_timeout: ${PEER_TIMEOUT_SECONDS}s, group_interval: ${GROUP_INTERVAL_SECONDS}s, repeat_interval: ${REPEAT_INTERVAL_SECONDS}s, warm_up: 5s }
alertmanagers: [${urls.map((url, i) => `{ name: am${i}, url: '${url}' }`).join(', ')}]
`;
}

interface Players {
  readonly cluster: AlertmanagerCluster;
  readonly source: AlertSource;
  readonly perKind: number;
}

interface Delivery {
  readonly group_key: string;
  readonly accepted: number;
  readonly duplicates: number;
}

interface Shown {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

class Story {
  #tocsin: RunningTocsin;
  readonly #players: Players;

  constructor(tocsin: RunningTocsin, players: Players) {
    this.#tocsin = tocsin;
    this.#players = players;
  }

  /** All kinds start firing, and each is reported repeatedly. */
  async repeats(): Promise<void> {
    for (const kind of FROM_THE_START) await this.#begin(kind);
    for (const kind of FROM_THE_START) await this.#told(kind, 1, 'open');
    await until(async () => (await this.#unrepeated()).length === 0, {
      everyMs: 500,
      lastsMs: REPEAT_INTERVAL_SECONDS * 1_000,
      what: 'a repeated delivery of each kind',
    });
  }

  async flaps(): Promise<void> {
    await this.#flap('flaps');
    await this.#told('flaps', 2, 'open');
  }

  async isSilenced(): Promise<void> {
    const { cluster, source } = this.#players;
    const times = {
      startsAt: new Date().toISOString(),
      endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    };
    const matchers = [{ name: 'alertname', value: 'silenced', isRegex: false, isEqual: true }];
    await json(`${cluster.urls[0]}/api/v2/silences`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ matchers, ...times, createdBy: 'test', comment: 'test' }),
    });
    for (const url of cluster.urls) {
      await until(async () => {
        const alerts = await json<{ labels: Record<string, string>; status: { state: string } }[]>(
          `${url}/api/v2/alerts`,
        );
        const silenced = alerts.filter(({ labels }) => labels['alertname'] === 'silenced');
        return silenced.length > 0 && silenced.every(({ status }) => status.state === 'suppressed');
      });
    }
    await source.end('silenced');
  }

  async receiverIsDown(seconds: number, start: () => Promise<RunningTocsin>): Promise<void> {
    const { source } = this.#players;
    await this.#tocsin.kill();
    const back = pause(seconds * 1_000);
    await pause(2_000);
    await source.end('ends-down');
    await this.#flap('flaps-down');
    await this.#begin('begins-down');
    await back;
    this.#tocsin = await start();
    await this.#told('begins-down', 1, 'open');
    await this.#told('ends-down', 1, 'closed');
    await this.#told('flaps-down', 2, 'open');
  }

  /** The first peer, which notifies without waiting for others. */
  async peerIsKilled(): Promise<void> {
    const { source, cluster } = this.#players;
    await cluster.killPeer(0);
    await source.end('ends-killed');
    await this.#begin('begins-killed');
    await this.#told('ends-killed', 1, 'closed');
    await this.#told('begins-killed', 1, 'open');
    await cluster.startPeer(0);
    await cluster.settled();
  }

  /** Both peers and Tocsin, while alerts flap; each group gets another key. */
  async isReloaded(config: string): Promise<void> {
    const reloading = this.#players.cluster.reload(config);
    this.#tocsin.signal('SIGHUP');
    await this.#flap('flaps-reload');
    await reloading;
    await this.#told('flaps-reload', 2, 'open');
    await pause(2 * GROUP_INTERVAL_SECONDS * 1_000);
  }

  async ends(): Promise<void> {
    const kinds = ['plain', 'flaps', 'flaps-down', 'begins-down', 'begins-killed', 'flaps-reload'];
    for (const kind of kinds) await this.#players.source.end(kind);
    const open = () => this.#shown().then((all) => all.filter(({ state }) => state === 'open').length);
    // an end under a silence is never reported: the lists of the peers show its absence, and a reload fetches them
    await until(
      async () => {
        this.#tocsin.signal('SIGHUP');
        return (await open()) === 0;
      },
      { everyMs: 2_000, what: 'the end of every episode' },
    );
    // a late report would have arrived by now
    await pause((2 * GROUP_INTERVAL_SECONDS + 2 * PEER_TIMEOUT_SECONDS) * 1_000);
  }

  async stop(): Promise<void> {
    await this.#tocsin.stop();
  }

  async verdict(): Promise<Omit<ClusterRecord, 'seconds'>> {
    const { lives } = this.#players.source;
    const { url } = this.#tocsin;
    const { events } = await json<{ events: AlertEvent[] }>(
      `${url}/api/v1/events?type=tocsin.alert.*&limit=10000`,
    );
    const deliveries = await this.#deliveries();
    const steps = events.map(({ data }) => `${data.episode} ${data.ordinal}`);
    const transitions: Record<string, number> = {};
    for (const event of events) transitions[nameOf(event)] = (transitions[nameOf(event)] ?? 0) + 1;
    const sum = (key: 'accepted' | 'duplicates') => deliveries.reduce((all, one) => all + one[key], 0);
    return {
      alerts: lives.size,
      lives: [...lives.values()].flat().length,
      episodes: new Set(events.map(({ data }) => data.episode)).size,
      wrong: [...lives].flatMap(([instance, really]) => difference(instance, really, events)),
      repeatedTransitions: steps.filter((step, i) => steps.indexOf(step) !== i),
      transitions,
      unrepeated: await this.#unrepeated(),
      deliveries: deliveries.length,
      accepted: sum('accepted'),
      duplicates: sum('duplicates'),
    };
  }

  async #deliveries(): Promise<readonly Delivery[]> {
    const { url } = this.#tocsin;
    return (await json<{ deliveries: readonly Delivery[] }>(`${url}/api/v1/deliveries?limit=10000`))
      .deliveries;
  }

  /** Kinds of which no delivery was a mere repetition. */
  async #unrepeated(): Promise<readonly string[]> {
    const repeated = (await this.#deliveries()).filter((one) => one.accepted === 0 && one.duplicates > 0);
    return FROM_THE_START.filter(
      (kind) => !repeated.some(({ group_key }) => group_key.includes(`alertname="${kind}"`)),
    );
  }

  #begin(kind: string): Promise<void> {
    return this.#players.source.begin(kind, this.#players.perKind);
  }

  /** Well inside group_interval; the new start is clearly later than the old one. */
  async #flap(kind: string): Promise<void> {
    await this.#players.source.end(kind);
    await pause(1_000);
    await this.#begin(kind);
  }

  async #shown(): Promise<readonly Shown[]> {
    return (await json<{ alerts: Shown[] }>(`${this.#tocsin.url}/api/v1/alerts?state=all&limit=10000`))
      .alerts;
  }

  /** Resolves when each alert of a kind has this many episodes, and the newest is in this state. */
  async #told(kind: string, episodes: number, state: 'open' | 'closed'): Promise<void> {
    const { perKind } = this.#players;
    await until(
      async () => {
        const all = (await this.#shown()).filter(({ labels }) => labels['alertname'] === kind);
        const open = all.filter((one) => one.state === 'open').length;
        return all.length === episodes * perKind && open === (state === 'open' ? perKind : 0);
      },
      { everyMs: 200, what: `${episodes} episodes of each of ${kind}, ${state}` },
    );
  }
}

function nameOf({ type }: AlertEvent): string {
  return type.slice('tocsin.alert.'.length);
}

/** Each life: opened once, at its own start, and closed once. Held firings that were refuted do not count. */
function difference(instance: string, lives: readonly Life[], events: readonly AlertEvent[]): string[] {
  const mine = events.filter(
    (event) => event.data.labels['instance'] === instance && nameOf(event) !== 'stale_suspect',
  );
  const ids = [...new Set(mine.map(({ data }) => data.episode))];
  const reported = ids.map((id) => mine.filter(({ data }) => data.episode === id));
  const same =
    reported.length === lives.length &&
    reported.every(([first, last, more], i) => {
      const opened = first !== undefined && nameOf(first) === 'fired';
      const closed =
        last !== undefined && ['resolved', 'implicit_resolve', 'expired_unconfirmed'].includes(nameOf(last));
      const start = Date.parse(first?.data.starts_at ?? '');
      return opened && closed && more === undefined && start === lives[i]?.startsAt;
    });
  if (same) return [];
  const words = reported.map((some) => some.map((one) => `${nameOf(one)} ${one.data.starts_at}`).join(', '));
  const truth = lives.map(({ startsAt }) => new Date(startsAt).toISOString()).join(', ');
  return [`${instance}: reported ${words.join('; ')}; really began ${truth}`];
}
