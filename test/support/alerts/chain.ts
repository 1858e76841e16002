import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startAlertmanager, type AlertmanagerName } from './alertmanager.ts';
import { peer } from '../processes/peer-programs.ts';
import { freePort, startProcess, type RunningProcess } from '../processes/process.ts';
import { startTocsin, type RunningTocsin } from '../processes/tocsin.ts';

const ROOT = join(import.meta.dirname, '../../..');
const TOKEN = 'a-webhook-token-of-this-test';

export interface ChainOptions {
  readonly folder: string;
  /** The rest of tocsin.yml besides the webhook; is passed the address of Alertmanager. */
  readonly config: (alertmanagerUrl: string) => string;
  /** Changes the shipped configuration of Alertmanager. */
  readonly routes?: (shipped: string) => string;
  /** Interval of scrapes and rules. */
  readonly intervalSeconds: number;
  /** Further options of Prometheus. */
  readonly prometheusArgs?: readonly string[];
  /** Rules besides the shipped ones, as YAML. */
  readonly rules?: string;
  /** Which version of each; default: the newest. */
  readonly prometheus?: 'prometheus' | 'prometheus-old';
  readonly alertmanager?: AlertmanagerName;
}

/** Prometheus, Alertmanager and Tocsin as shipped, in a chain. */
export interface Chain {
  readonly tocsin: RunningTocsin;
  readonly alertmanagerUrl: string;
  startPrometheus(): Promise<void>;
  stopPrometheus(): Promise<void>;
  stop(): Promise<void>;
}

export async function startChain(options: ChainOptions): Promise<Chain> {
  const { folder } = options;
  const port = await freePort();
  const alertmanagerUrl = `http://127.0.0.1:${port}`;
  writeFileSync(join(folder, 'webhook-token'), TOKEN);
  const tocsin = await startTocsin({
    folder,
    config: `server: { node: test-node }
host: { enabled: false }
store: { path: ledger.db }
webhooks: [{ name: main, token_files: [webhook-token] }]
${options.config(alertmanagerUrl)}`,
  });
  const alertmanager = await startShippedAlertmanager(tocsin, options, port);
  let prometheus: RunningProcess | undefined;
  const stopPrometheus = async () => {
    await prometheus?.stop();
    prometheus = undefined;
  };
  return {
    tocsin,
    alertmanagerUrl,
    startPrometheus: async () => {
      prometheus = await startPrometheus(tocsin, options, { own: await freePort(), alertmanager: port });
    },
    stopPrometheus,
    stop: async () => {
      await stopPrometheus();
      await alertmanager.stop();
      await tocsin.stop();
    },
  };
}

/** An Alertmanager with the shipped routes, which lead to this Tocsin. */
export function startShippedAlertmanager(
  tocsin: RunningTocsin,
  {
    folder,
    routes = (shipped) => shipped,
    alertmanager = 'alertmanager',
  }: Pick<ChainOptions, 'folder' | 'routes' | 'alertmanager'>,
  port: number,
): Promise<RunningProcess> {
  const shipped = readFileSync(join(ROOT, 'alertmanager/alertmanager.yml'), 'utf8');
  const config = routes(shipped)
    .replace('http://tocsin:10464', tocsin.url)
    .replace('/run/stack-secrets/webhook-token', join(folder, 'webhook-token'))
    .replace('templates/*.tmpl', join(ROOT, 'alertmanager/templates/*.tmpl'));
  writeFileSync(join(folder, 'alertmanager.yml'), config);
  const args = [
    `--config.file=${join(folder, 'alertmanager.yml')}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--cluster.listen-address=',
  ];
  return startAlertmanager(alertmanager, args, `http://127.0.0.1:${port}`);
}

/** A Prometheus with the shipped rules that scrapes this Tocsin. */
export function startPrometheus(
  tocsin: RunningTocsin,
  options: Omit<ChainOptions, 'config' | 'routes' | 'alertmanager'>,
  port: { readonly own: number; readonly alertmanager: number },
): Promise<RunningProcess> {
  const { folder, intervalSeconds, rules = 'groups: []' } = options;
  const { prometheus = 'prometheus', prometheusArgs = [] } = options;
  writeFileSync(join(folder, 'rules.yml'), rules);
  writeFileSync(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: ${intervalSeconds}s, scrape_timeout: ${intervalSeconds}s, evaluation_interval: ${intervalSeconds}s }
rule_files: ['${join(ROOT, 'prometheus/rules')}/*.yml', '${join(folder, 'rules.yml')}']
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${port.alertmanager}'] }] }] }
scrape_configs:
  - job_name: tocsin
    honor_labels: true
    static_configs: [{ targets: ['${new URL(tocsin.url).host}'] }]
`,
  );
  const args = [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port.own}`,
    ...prometheusArgs,
  ];
  const ready = async () => (await fetch(`http://127.0.0.1:${port.own}/-/ready`)).ok;
  return startProcess(peer(prometheus), args, { ready });
}

export interface Hit {
  readonly path: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly body: string;
}

/** A server that answers 200 and records what it receives. */
export async function startListener(): Promise<{ url: string; hits: readonly Hit[]; stop(): Promise<void> }> {
  const hits: Hit[] = [];
  const server = createServer((request, response) => {
    const at = Date.now();
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      hits.push({ path: request.url ?? '', at, body });
      response.end('OK');
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const stop = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, hits, stop };
}

/** The JSON response of a URL. */
export async function json<T>(url: string, init?: RequestInit): Promise<T> {
  return (await (await fetch(url, init)).json()) as T;
}
