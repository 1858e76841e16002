import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { AlertSource, type Life } from '../../support/alerts/alert-source.ts';
import { AlertmanagerCluster } from '../../support/alerts/alertmanager-cluster.ts';
import { startAlertmanager } from '../../support/alerts/alertmanager.ts';
import { json } from '../../support/alerts/chain.ts';
import { freePort, type RunningProcess } from '../../support/processes/process.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';
import { LifeTarget, startWatchedRule } from '../../support/alerts/watched-rule.ts';
import { differences, disagreements, reportedLives, statesOf } from './lives-verdict.ts';

export interface LivesOptions {
  /** Alerts of each kind. */
  readonly alerts: number;
  /** How often the second Prometheus of the pair flaps, twice each time. */
  readonly flaps: number;
  /** Restarts of the Alertmanager. */
  readonly restarts: number;
  /** Short lives of each alert. */
  readonly lives: number;
}

export interface LivesRecord {
  readonly name: string;
  /** Actual lives. */
  readonly lives: number;
  /** Episodes in the ledger. */
  readonly reported: number;
  /** Descriptions of what was recorded wrongly. */
  readonly wrong: readonly string[];
}

interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly tocsin: RunningTocsin;
  /** Addresses of the Alertmanagers. */
  readonly urls: readonly string[];
  readonly cluster: AlertmanagerCluster | undefined;
  restartAlertmanager(whileDown: () => Promise<void>): Promise<void>;
}

const SENDER = 'group_interval: 1s, repeat_interval: 4h';
const ROUTE = 'receiver: tocsin, group_wait: 0s, group_interval: 1s, repeat_interval: 4h';

/** One Tocsin and its Alertmanager, or its cluster of two. */
async function setStage(given: {
  readonly peers: 1 | 2;
  readonly warmUpSeconds: number;
  readonly shiftMs?: number;
  /** By default each alert is a group of its own. */
  readonly groupBy?: string;
  /** `same_start_tolerance` */
  readonly tolerance?: string;
  /** The `peer_timeout` of Tocsin; the Alertmanagers have 1 s. */
  readonly peerTimeout?: string;
}): Promise<Stage> {
  const { peers, warmUpSeconds, shiftMs, groupBy = '...', tolerance = '60s', peerTimeout = '1s' } = given;
  const temporary = temporaryFolder();
  const folder = temporary.path;
  const [port, alertmanagerPort] = [await freePort(), await freePort()];
  const config = `route: { ${ROUTE}, group_by: ['${groupBy}'] }
receivers: [{ name: tocsin, webhook_configs: [{ url: 'http://127.0.0.1:${port}/api/webhooks/alertmanager' }] }]
`;
  const cluster =
    peers === 1 ? undefined : await AlertmanagerCluster.start({ folder, peerTimeoutSeconds: 1, config });
  const urls = cluster?.urls ?? [`http://127.0.0.1:${alertmanagerPort}`];
  writeFileSync(join(folder, 'alertmanager.yml'), config);
  const start = () =>
    startAlertmanager(
      'alertmanager',
      [
        `--config.file=${join(folder, 'alertmanager.yml')}`,
        `--storage.path=${join(folder, 'am')}`,
        `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
        '--cluster.listen-address=',
      ],
      urls[0] ?? '',
    );
  let alertmanager: RunningProcess | undefined = cluster === undefined ? await start() : undefined;
  const preload = new URL('../../support/processes/shifted-clock.mjs', import.meta.url).href;
  const tocsin = await startTocsin({
    folder,
    listen: `127.0.0.1:${port}`,
    config: `host: { enabled: false }
store: { path: ledger.db }
alerts: { same_start_tolerance: ${tolerance} }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
webhooks: [{ name: main, alertmanager: { peers: ${peers}, peer_timeout: ${peerTimeout}, ${SENDER}, warm_up: ${warmUpSeconds}s } }]
alertmanagers: [${urls.map((url, i) => `{ name: am${i}, url: '${url}' }`).join(', ')}]
`,
    ...(shiftMs !== undefined && {
      env: { SHIFT_MS: String(shiftMs), NODE_OPTIONS: `--import=${preload}` },
    }),
  });
  return {
    ...{ folder, tocsin, urls, cluster },
    restartAlertmanager: async (whileDown) => {
      await alertmanager?.stop();
      await whileDown();
      alertmanager = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await tocsin.stop();
      await alertmanager?.stop();
      await cluster?.stop();
      await temporary[Symbol.asyncDispose]();
    },
  };
}

/** All scenarios concurrently, since they mostly wait. */
export async function runLives(options: LivesOptions): Promise<readonly LivesRecord[]> {
  return Promise.all([
    flappingPair(options),
    postedByPair(options),
    restarts(options),
    clockSetBack(options),
    shortLives(options),
    nextPeer(options),
  ]);
}

/**
 * Two Prometheus servers without a replica label: for one the alerts fire all the time, for the other they flap.
 * Alertmanager believes the last report: what it has is compared with what the ledger has, repeatedly. Between two
 * resends of the first the other reports a life that overlaps the first one's and another that does not, so that
 * Alertmanager moves to a later start, and back to the first one with the resend.
 */
export async function flappingPair({ alerts, flaps }: LivesOptions): Promise<LivesRecord> {
  await using stage = await setStage({ peers: 1, warmUpSeconds: 30, tolerance: '3s' });
  await using target = await LifeTarget.start();
  const shared = { folder: stage.folder, target, alertmanagers: stage.urls, ruleIntervalSeconds: 1 };
  const steady = await startWatchedRule({ ...shared, name: 'steady', resendSeconds: 45 });
  const flapping = await startWatchedRule({ ...shared, name: 'flapping', resendSeconds: 300 });
  const instances = names('pair', alerts);
  const watch = disagreements(stage.tocsin.url, stage.urls);
  try {
    target.fire('steady', instances);
    await allAre(stage, instances, 'open');
    for (let flap = 0; flap < flaps; flap++) {
      for (let life = 0; life < 2; life++) {
        target.fire('flapping', instances);
        await pause(5_000);
        target.fire('flapping', []);
        await pause(6_000);
      }
      // the flapping one is silent now: Alertmanager has them again when the steady one resends them
      await allListed(stage, instances);
      await pause(15_000);
    }
    const closed = await unlike(stage, instances, 'open');
    target.fire('steady', []);
    await allAre(stage, instances, 'closed');
    return {
      name: 'two Prometheus servers without a replica label, one of which flaps',
      lives: alerts,
      reported: countOf(await reportedLives(stage.tocsin.url)),
      wrong: [...closed, ...(await watch.stop())],
    };
  } finally {
    await watch.stop();
    await steady.stop();
    await flapping.stop();
  }
}

/** What such a pair posts to an Alertmanager, with times minutes apart, and a group that is sent as a whole. */
export async function postedByPair({ alerts }: LivesOptions): Promise<LivesRecord> {
  await using stage = await setStage({ peers: 1, warmUpSeconds: 5, groupBy: 'alertname' });
  const now = Date.now();
  const at = (seconds: number) => now + seconds * 1_000;
  const [back, on, other] = [names('back', alerts), names('on', alerts), names('other', 1)];
  const watch = disagreements(stage.tocsin.url, stage.urls);
  // two short lives of one replica, and the first life again, which continues at the other one
  await give(stage, back, { startsAt: at(-300) });
  await allAre(stage, back, 'open');
  await give(stage, back, { startsAt: at(-200), endsAt: at(-100) });
  await allAre(stage, back, 'closed');
  await give(stage, back, { startsAt: at(-90) });
  await allAre(stage, back, 'open');
  await give(stage, back, { startsAt: at(-90), endsAt: at(-60) });
  await allAre(stage, back, 'closed');
  await give(stage, back, { startsAt: at(-300) });
  const wrong = [...(await unlike(stage, back, 'open'))];
  // the end between two lives of one replica is never sent; the other alert of the group causes it to be sent again
  await give(stage, on, { startsAt: at(-300) });
  await allAre(stage, on, 'open');
  await give(stage, on, { startsAt: at(-200), endsAt: at(-100) });
  await give(stage, [...on, ...other], { startsAt: at(-90) });
  await allAre(stage, other, 'open');
  await give(stage, on, { startsAt: at(-300) });
  await give(stage, other, { startsAt: at(-90), endsAt: at(-50) });
  await allAre(stage, other, 'closed');
  await give(stage, on, { startsAt: at(-300), endsAt: at(-10) });
  wrong.push(...(await unlike(stage, on, 'closed')), ...(await unlike(stage, back, 'open')));
  return {
    name: 'what such a pair posts, with minutes between its lives',
    lives: 2 * alerts + 1,
    reported: countOf(await reportedLives(stage.tocsin.url)),
    wrong: [...wrong, ...(await watch.stop())],
  };
}

/** An Alertmanager restarts while alerts fire, and while they end; the rule group is slow to resend them. */
export async function restarts({ alerts, restarts: times }: LivesOptions): Promise<LivesRecord> {
  await using stage = await setStage({ peers: 1, warmUpSeconds: 25 });
  await using target = await LifeTarget.start();
  const prometheus = await startWatchedRule({
    ...{ folder: stage.folder, name: 'slow', target, alertmanagers: stage.urls },
    ...{ ruleIntervalSeconds: 12, resendSeconds: 5 },
  });
  const instances = names('restart', alerts);
  const truth = new Map(instances.map((instance) => [instance, [] as Life[]]));
  try {
    for (let time = 0; time < times; time++) {
      target.fire('slow', instances);
      for (const lives of truth.values()) lives.push({ startsAt: Number.NaN });
      await allAre(stage, instances, 'open');
      await stage.restartAlertmanager(() => Promise.resolve());
      // asks each second, for longer than a report of an end takes; the list is empty until the group is due
      await askFor(stage, 16);
      if (time % 2 === 0) target.fire('slow', []);
      else
        await stage.restartAlertmanager(() => {
          target.fire('slow', []);
          return Promise.resolve();
        });
      await allAre(stage, instances, 'closed');
    }
    const reported = await reportedLives(stage.tocsin.url);
    return {
      name: 'an Alertmanager that restarts while alerts fire, and while they end',
      lives: alerts * times,
      reported: countOf(reported),
      wrong: differences(truth, reported),
    };
  } finally {
    await prometheus.stop();
  }
}

const HOUR_MS = 3_600_000;

/** The sender's clock is an hour ahead of Tocsin's, and is then set back. */
export async function clockSetBack({ alerts }: LivesOptions): Promise<LivesRecord> {
  await using stage = await setStage({ peers: 1, warmUpSeconds: 5, shiftMs: -HOUR_MS });
  const [once, again] = [names('clock-once', alerts), names('clock-again', alerts)];
  const truth = new Map<string, Life[]>();
  const send = (instances: readonly string[], startsAt: number, endsAt?: number) => {
    for (const instance of instances) {
      const lives = truth.get(instance) ?? [];
      truth.set(instance, lives);
      if (endsAt === undefined) lives.push({ startsAt });
    }
    return give(stage, instances, { startsAt, endsAt });
  };
  // by Tocsin's clock, all of this happens in an hour
  const first = Date.now();
  await send([...once, ...again], first);
  await allAre(stage, [...once, ...again], 'open');
  await send(again, first, Date.now());
  await allAre(stage, again, 'closed');
  const second = Date.now();
  await send(again, second);
  await allAre(stage, again, 'open');
  await send(again, second, Date.now());
  await allAre(stage, again, 'closed');
  // the clock is set back; the one life continues, the other alert begins its third
  const third = Date.now() - HOUR_MS;
  await give(stage, once, { startsAt: third - 5_000 });
  await send(again, third);
  await allAre(stage, again, 'open');
  await give(stage, once, { startsAt: third - 5_000, endsAt: third });
  await allAre(stage, once, 'closed');
  await pause(5_000);
  const states = await statesOf(stage.tocsin.url);
  const ended = again.filter((instance) => states.get(instance) !== 'open');
  const reported = await reportedLives(stage.tocsin.url);
  return {
    name: "a sender's clock that is an hour ahead and is set back",
    lives: countOf(truth),
    reported: countOf(reported),
    wrong: [
      ...differences(truth, reported),
      ...ended.map((instance) => `${instance}: closed while it fires`),
    ],
  };
}

/** Lives of six seconds, each reported completely, far closer together than `same_start_tolerance`. */
export async function shortLives({ alerts, lives }: LivesOptions): Promise<LivesRecord> {
  await using stage = await setStage({ peers: 1, warmUpSeconds: 5 });
  await using source = new AlertSource(stage.urls);
  const instances = names('short', alerts);
  for (let life = 0; life < lives; life++) {
    await source.begin('short', alerts);
    await Promise.all([pause(6_000), allAre(stage, instances, 'open')]);
    await source.end('short');
    await allAre(stage, instances, 'closed');
  }
  const reported = await reportedLives(stage.tocsin.url);
  return verdict('lives of six seconds, each reported whole', source.lives, reported);
}

/**
 * One peer reports a short life completely and dies; the other reports the next life. Everything about the first is
 * sent before the peer dies, and each pair of lives has other alerts: otherwise Alertmanager itself loses reports, when
 * a late one about the earlier life overwrites, in the peers' shared notification log, whether the next one fires.
 */
export async function nextPeer({ alerts }: LivesOptions): Promise<LivesRecord> {
  // the next life is reported well within the time in which a firing of another peer may be late
  await using stage = await setStage({ peers: 2, warmUpSeconds: 5, peerTimeout: '15s' });
  await using source = new AlertSource(stage.urls);
  const { cluster } = stage;
  for (const peer of [0, 1] as const) {
    const kind = `peer${peer}`;
    const instances = names(kind, alerts);
    await cluster?.settled();
    await source.begin(kind, alerts);
    await allAre(stage, instances, 'open');
    await source.end(kind);
    await allAre(stage, instances, 'closed');
    await cluster?.flushed(kind);
    await cluster?.killPeer(peer);
    await source.begin(kind, alerts);
    await allAre(stage, instances, 'open');
    await source.end(kind);
    await allAre(stage, instances, 'closed');
    await cluster?.startPeer(peer);
  }
  const reported = await reportedLives(stage.tocsin.url);
  return verdict('a peer that reports a life and dies before the next', source.lives, reported);
}

function verdict(
  name: string,
  truth: ReadonlyMap<string, readonly Life[]>,
  reported: Awaited<ReturnType<typeof reportedLives>>,
): LivesRecord {
  return {
    ...{ name, lives: countOf(truth), reported: countOf(reported) },
    wrong: differences(truth, reported),
  };
}

function countOf(lives: ReadonlyMap<string, readonly unknown[]>): number {
  return [...lives.values()].flat().length;
}

function names(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${kind}-${i}`);
}

/** Posts alerts to the Alertmanagers as their sender; those without an end are firing. */
async function give(
  { urls }: Stage,
  instances: readonly string[],
  { startsAt, endsAt }: { readonly startsAt: number; readonly endsAt?: number | undefined },
): Promise<void> {
  const times = {
    startsAt: new Date(startsAt).toISOString(),
    ...(endsAt !== undefined && { endsAt: new Date(endsAt).toISOString() }),
  };
  const body = instances.map((instance) => ({
    labels: { alertname: 'Life', instance, severity: 'critical' },
    ...times,
  }));
  const init = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
  for (const url of urls) {
    const { ok, status } = await fetch(`${url}/api/v2/alerts`, init);
    if (!ok) throw new Error(`Alertmanager answered with ${status}`);
  }
}

/** Resolves when the newest episode of each is open, or closed. */
function allAre({ tocsin }: Stage, instances: readonly string[], state: 'open' | 'closed'): Promise<unknown> {
  return until(
    async () => {
      const states = await statesOf(tocsin.url);
      return instances.every((instance) => states.get(instance) === state);
    },
    { everyMs: 200, what: `${instances.join(', ')}: ${state}` },
  );
}

/** Descriptions of those that never are. */
async function unlike(
  stage: Stage,
  instances: readonly string[],
  state: 'open' | 'closed',
): Promise<readonly string[]> {
  await allAre(stage, instances, state).catch(() => undefined);
  const states = await statesOf(stage.tocsin.url);
  const others = instances.filter((instance) => states.get(instance) !== state);
  return others.map((instance) => `${instance}: not ${state}, as it is at Alertmanager`);
}

/** Resolves when the Alertmanager has each as firing. */
function allListed({ urls: [url = ''] }: Stage, instances: readonly string[]): Promise<unknown> {
  return until(
    async () => {
      const list = await json<{ labels: Record<string, string> }[]>(`${url}/api/v2/alerts`);
      const firing = new Set(list.map(({ labels }) => labels['instance']));
      return instances.every((instance) => firing.has(instance));
    },
    { everyMs: 200, what: `${instances.join(', ')}: firing at Alertmanager` },
  );
}

/** A reload asks the Alertmanagers at once. */
async function askFor({ tocsin }: Stage, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    tocsin.signal('SIGHUP');
    await pause(1_000);
  }
}
