import { readdirSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parseText, type ParsedFamily } from '../exposition/exposition-parser.ts';
import { peer } from '../processes/peer-programs.ts';
import { startProcess } from '../processes/process.ts';
import { startTocsin, type RunningTocsin } from '../processes/tocsin.ts';
import { until } from '../until.ts';

/** A server whose `/metrics` a storm requests. */
export interface StormedServer {
  readonly pid: number;
  readonly port: number;
  /** What Prometheus sends. */
  readonly token?: string | undefined;
  /** Lines of its log so far: those that are above debug, and all. */
  lines(): { readonly above: readonly string[]; readonly all: number };
  /** Its own counts; only Tocsin has them. */
  readonly counts?: () => Promise<ServerCounts>;
  /** Bytes in use after a full garbage collection, which this triggers; needs `heapSnapshots`. */
  readonly liveBytes?: () => Promise<number>;
  stop(): Promise<unknown>;
}

export interface ServerCounts {
  readonly scrapes: Readonly<Record<string, number>>;
  readonly connections: Readonly<Record<string, number>>;
  readonly collections: number;
  readonly coalesced: number;
}

export interface StormedTocsin {
  readonly folder: string;
  /** TCP checks of one listener: their series fill the page, and change as they run. */
  readonly checks: number;
  /** Interval of each check; default 10 s. */
  readonly intervalSeconds?: number;
  /** More of `tocsin.yml`. */
  readonly config?: string;
  readonly token?: string;
  /** For `liveBytes`. */
  readonly heapSnapshots?: boolean;
}

/** Tocsin with its log at debug; every check has run once. */
export async function startStormedTocsin(options: StormedTocsin): Promise<StormedServer> {
  const { folder, checks, intervalSeconds = 10, config = '', token } = options;
  const listener = createServer((socket) => socket.on('error', () => undefined).end());
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port: target } = listener.address() as AddressInfo;
  const services = Array.from(
    { length: checks },
    (_, i) =>
      `  - { name: check-${i}, interval: ${intervalSeconds}s, timeout: 1s, labels: { team: storm }, target: "127.0.0.1:${target}", tcp: {} }\n`,
  );
  const tokens =
    token === undefined
      ? ''
      : `server: { tokens: [{ name: scraper, token: ${token}, scopes: [metrics] }] }\n`;
  const tocsin = await startTocsin({
    folder,
    config: `store: { path: ledger.db }\n${tokens}${config}${checks === 0 ? '' : `services:\n${services.join('')}`}`,
    logLevel: 'debug',
    ...(options.heapSnapshots === true && { env: { NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2' } }),
  });
  const port = Number(new URL(tocsin.url).port);
  const page = async () => parseText(await readPage(port, token));
  const ran = async () => ((await page()).get('probe_success')?.samples.length ?? 0) === checks;
  const stop = async () => {
    await tocsin.stop();
    listener.close();
  };
  try {
    await until(ran, { everyMs: 500, what: 'every check to have run' });
  } catch (error) {
    await stop();
    throw error;
  }
  // lines about a check are not about a client: on a busy machine some run late
  const ofClients = () => tocsin.log.filter((line) => line['service'] === undefined);
  const all = () => ofClients().length;
  const above = () =>
    ofClients()
      .filter(({ level }) => level !== 'debug')
      .map((line) => JSON.stringify(line));
  return {
    pid: tocsin.pid,
    port,
    token,
    lines: () => ({ above: above(), all: all() }),
    counts: async () => countsOf(await page()),
    liveBytes: async () => {
      await collectGarbage(tocsin, folder);
      const families = await page();
      return (
        single(families, 'nodejs_heap_size_used_bytes') + single(families, 'nodejs_external_memory_bytes')
      );
    },
    stop,
  };
}

/** node_exporter with its defaults. */
export async function startStormedNodeExporter(): Promise<StormedServer> {
  const exporter = await startProcess(peer('node_exporter'), ['--web.listen-address=127.0.0.1:0'], {
    ready: /Listening on.*address=127\.0\.0\.1:(\d+)/,
  });
  const lines = () =>
    exporter
      .output()
      .split('\n')
      .filter((line) => line !== '');
  const above = () => lines().filter((line) => !line.includes('level=DEBUG'));
  return {
    pid: exporter.pid,
    port: Number(exporter.match?.[1]),
    lines: () => ({ above: above(), all: lines().length }),
    stop: () => exporter.stop(),
  };
}

/** Node collects all garbage before it writes a snapshot of its heap: the only way to make another process do so. */
async function collectGarbage(tocsin: RunningTocsin, folder: string): Promise<void> {
  tocsin.signal('SIGUSR2');
  const size = () =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.heapsnapshot'))
      .map((file) => statSync(join(folder, file)).size)[0];
  let last: number | undefined;
  const written = () => {
    const now = size();
    const whole = now !== undefined && now > 0 && now === last;
    last = now;
    return whole;
  };
  await until(written, { everyMs: 500, what: 'a snapshot of the heap' });
  for (const file of readdirSync(folder)) if (file.endsWith('.heapsnapshot')) rmSync(join(folder, file));
}

/**
 * The whole page, over a new connection, from an address that neither Prometheus nor the storm uses.
 * @param sent called when the request is with the kernel, whether or not the server reads it
 */
export function readPage(port: number, token?: string, sent?: () => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const asked = request({
      host: '127.0.0.1',
      port,
      path: '/metrics',
      localAddress: '127.1.0.1',
      agent: false,
      headers,
    });
    asked.once('error', reject);
    if (sent !== undefined) asked.once('finish', sent);
    asked.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.once('error', reject);
      response.once('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`/metrics answered ${response.statusCode}: ${text}`));
      });
    });
    asked.end();
  });
}

function countsOf(families: Map<string, ParsedFamily>): ServerCounts {
  const byOutcome = (name: string) =>
    Object.fromEntries(
      (families.get(name)?.samples ?? []).map(({ labels, value }) => [labels['outcome'] ?? '', value]),
    );
  return {
    scrapes: byOutcome('tocsin_scrapes_total'),
    connections: byOutcome('tocsin_http_connections_total'),
    collections: single(families, 'tocsin_scrape_collections_total'),
    coalesced: single(families, 'tocsin_scrapes_coalesced_total'),
  };
}

function single(families: Map<string, ParsedFamily>, name: string): number {
  return families.get(name)?.samples[0]?.value ?? NaN;
}
