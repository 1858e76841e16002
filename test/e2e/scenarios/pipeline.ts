import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json, startPrometheus, startShippedAlertmanager } from '../../support/alerts/chain.ts';
import { peer } from '../../support/processes/peer-programs.ts';
import { freePort, startProcess, type RunningProcess } from '../../support/processes/process.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

/** Which programs, and how fast the chain runs. */
export interface PipelineOptions {
  readonly prometheus: 'prometheus' | 'prometheus-old';
  readonly alertmanager: 'alertmanager' | 'alertmanager-old';
  /** Interval of the check, the scrape and the rules, seconds. */
  readonly intervalSeconds: number;
}

export interface PipelineRecord {
  /** Seconds from the stop of the watched server to each step. */
  readonly down: Readonly<Record<'unhealthy' | 'probeSuccessZero' | 'ruleFiring' | 'event', number>>;
  /** Seconds from its restart. */
  readonly up: Readonly<Record<'healthy' | 'resolvedEvent', number>>;
  /** The event of the alert. */
  readonly fired: AlertEvent;
  readonly resolved: AlertEvent;
  /** `/cluster_health` while the server was down. */
  readonly clusterHealth: ClusterHealth;
  readonly promtool: { readonly code: number | null; readonly complaints: readonly string[] };
  /** Log levels above info. */
  readonly alarmingLines: readonly unknown[];
}

export interface AlertEvent {
  readonly type: string;
  readonly data: { readonly labels: Record<string, string>; readonly annotations: Record<string, string> };
}

export interface ClusterHealth {
  readonly overall_status: string;
  readonly alerts: readonly string[];
  readonly services: Readonly<
    Record<string, { readonly health: { readonly status: string; readonly reason?: string } }>
  >;
}

const TOKEN = 'a-webhook-token-of-this-test';

/**
 * The whole chain with nothing replaced: a server that Tocsin checks is stopped and restarted; Prometheus evaluates
 * the shipped rules, Alertmanager routes by the shipped configuration, and Tocsin receives the alert.
 */
export async function runPipeline(options: PipelineOptions): Promise<PipelineRecord> {
  await using folder = temporaryFolder();
  const running: RunningProcess[] = [];
  const watched = await watchedServer();
  const alertmanagerPort = await freePort();
  writeFileSync(join(folder.path, 'webhook-token'), TOKEN);
  const tocsin = await startTocsin({ folder: folder.path, config: tocsinConfig(options, watched.port) });
  try {
    const chain = { ...options, folder: folder.path };
    running.push(await startShippedAlertmanager(tocsin, chain, alertmanagerPort));
    const prometheusPort = await freePort();
    running.push(
      await startPrometheus(tocsin, chain, { own: prometheusPort, alertmanager: alertmanagerPort }),
    );
    return await drill({ tocsin, watched, prometheusUrl: `http://127.0.0.1:${prometheusPort}` });
  } finally {
    for (const one of running.reverse()) await one.stop();
    await tocsin.stop();
    await watched.stop();
  }
}

function tocsinConfig({ intervalSeconds }: PipelineOptions, port: number): string {
  return `
server: { node: test-node }
store: { path: ledger.db }
webhooks:
  - { name: main, token_files: [webhook-token] }
confirm: { failures: 2, successes: 1, retry_interval: 500ms }
services:
  - name: tools
    description: Tools Server
    critical: true
    group: llm
    interval: ${intervalSeconds}s
    timeout: ${intervalSeconds * 900}ms
    labels: { team: ai }
    target: http://127.0.0.1:${port}/
    http: {}
`;
}

interface Drill {
  readonly tocsin: RunningTocsin;
  readonly watched: WatchedServer;
  readonly prometheusUrl: string;
}

async function drill({ tocsin, watched, prometheusUrl }: Drill): Promise<PipelineRecord> {
  const query = (expression: string) => prometheusValue(prometheusUrl, expression);
  const health = () => json<ClusterHealth>(`${tocsin.url}/cluster_health`);
  const event = (type: string) => () => alertEvent(tocsin.url, type);
  await until(async () => (await query('probe_success{service="tools"}')) === 1, { what: 'probe_success 1' });
  const promtool = await checkMetrics(await (await fetch(`${tocsin.url}/metrics`)).text());

  await watched.stop();
  const down = stopwatch();
  const [unhealthy, probeSuccessZero, ruleFiring, fired] = await Promise.all([
    down(async () => (await health()).overall_status === 'unhealthy'),
    down(async () => (await query('probe_success{service="tools"}')) === 0),
    down(
      async () => (await query('ALERTS{alertname="ServiceDown",alertstate="firing",service="tools"}')) === 1,
    ),
    down(event('tocsin.alert.fired')),
  ]);
  const clusterHealth = await health();

  await watched.start();
  const up = stopwatch();
  const [healthy, resolved] = await Promise.all([
    up(async () => (await health()).overall_status === 'healthy'),
    up(event('tocsin.alert.resolved')),
  ]);
  return {
    down: {
      unhealthy: unhealthy.seconds,
      probeSuccessZero: probeSuccessZero.seconds,
      ruleFiring: ruleFiring.seconds,
      event: fired.seconds,
    },
    up: { healthy: healthy.seconds, resolvedEvent: resolved.seconds },
    fired: fired.answer,
    resolved: resolved.answer,
    clusterHealth,
    promtool,
    alarmingLines: tocsin.log.filter(({ level }) => level !== 'info' && level !== 'debug'),
  };
}

/** Measures how long each condition takes to come true from now on. */
function stopwatch() {
  const start = performance.now();
  return async <T>(ask: () => Promise<T | undefined | false>) => {
    const answer = await until(ask);
    return { seconds: (performance.now() - start) / 1_000, answer };
  };
}

async function alertEvent(url: string, type: string): Promise<AlertEvent | undefined> {
  const { events } = await json<{ events: AlertEvent[] }>(`${url}/api/v1/events?type=${type}&limit=1000`);
  return events.find(
    ({ data }) => data.labels['alertname'] === 'ServiceDown' && data.labels['service'] === 'tools',
  );
}

/** The value of an expression that returns one series; undefined when it returns none. */
async function prometheusValue(url: string, expression: string): Promise<number | undefined> {
  const { data } = await json<{ data: { result: { value: [number, string] }[] } }>(
    `${url}/api/v1/query?query=${encodeURIComponent(expression)}`,
  );
  const [series] = data.result;
  return series === undefined ? undefined : Number(series.value[1]);
}

/** `promtool check metrics`: complaints about our families, without those under the names of other exporters. */
export async function checkMetrics(text: string): Promise<PipelineRecord['promtool']> {
  await using folder = temporaryFolder();
  mkdirSync(folder.path, { recursive: true });
  const file = join(folder.path, 'metrics');
  writeFileSync(file, text);
  const command = `"${peer('promtool')}" check metrics < "${file}"; echo "exit $?"`;
  const process = await startProcess('sh', ['-c', command], { ready: /exit (\d+)/ });
  await process.exited;
  const complaints = process
    .output()
    .split('\n')
    .filter((line) => line !== '' && !/^(exit |node_|nodejs_|probe_)/.test(line));
  return { code: Number(process.match?.[1]), complaints };
}

interface WatchedServer {
  readonly port: number;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** An HTTP server that can be stopped and started again on its port. */
async function watchedServer(): Promise<WatchedServer> {
  let server: Server | undefined;
  const listen = async (port: number): Promise<Server> => {
    const next = createServer((_request, response) => void response.end('fine')).listen(port, '127.0.0.1');
    await once(next, 'listening');
    return next;
  };
  server = await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    stop: async () => {
      const old = server;
      server = undefined;
      old?.closeAllConnections();
      await new Promise<void>((resolve) => (old === undefined ? resolve() : old.close(() => resolve())));
    },
    start: async () => {
      server = await listen(port);
    },
  };
}
