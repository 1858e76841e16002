import { connect, type Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseText } from '../../support/exposition-parser.ts';
import { peer } from '../../support/peer-programs.ts';
import { freePort, startProcess, type RunningProcess } from '../../support/process.ts';
import { startTocsin, temporaryFolder } from '../../support/tocsin.ts';
import { until } from '../../support/until.ts';

export interface StormOptions {
  readonly seconds: number;
  readonly clientsPerSecond: number;
  /** Series that /metrics holds besides its own, made by this many checks. */
  readonly checks: number;
}

export interface StormRecord {
  readonly clients: number;
  /** Scrapes that Prometheus made and the lowest `up` it saw. */
  readonly prometheusScrapes: number;
  readonly lowestUp: number;
  /** Samples of `up` that were 0. */
  readonly failedScrapes: number;
  /** `tocsin_scrapes_total` by outcome, after minus before. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Lines above debug that the log got during the storm. */
  readonly lines: readonly unknown[];
  readonly bytesOfPage: number;
  readonly residentBefore: number;
  readonly residentAfter: number;
}

/**
 * Clients from 127.0.0.2 to 127.0.0.254 ask for /metrics, read a little (or nothing) and vanish,
 * while a real Prometheus scrapes every second from 127.0.0.1.
 */
export async function runStorm(options: StormOptions): Promise<StormRecord> {
  await using folder = temporaryFolder();
  const config = `store: { path: ledger.db }\nservices:\n${services(options.checks)}`;
  const tocsin = await startTocsin({
    folder: folder.path,
    config: options.checks === 0 ? 'store: { path: ledger.db }' : config,
  });
  const port = await freePort();
  let prometheus: RunningProcess | undefined;
  try {
    prometheus = await startScraper({ folder: folder.path, port, target: new URL(tocsin.url).host });
    const query = (expression: string) => prometheusNumber(port, expression);
    await until(async () => ((await query('count_over_time(up[1m])')) ?? 0) >= 3, { what: 'three scrapes' });
    const before = await readMetrics(tocsin.url);
    const logged = tocsin.log.length;
    const clients = await storm(Number(new URL(tocsin.url).port), options);
    const window = `[${options.seconds + 2}s]`;
    const prometheusScrapes = (await query(`count_over_time(up${window})`)) ?? 0;
    const lowestUp = (await query(`min_over_time(up${window})`)) ?? 0;
    const up = (await query(`sum_over_time(up${window})`)) ?? 0;
    const after = await settledMetrics(tocsin.url, clients, before);
    return {
      clients,
      prometheusScrapes,
      lowestUp,
      failedScrapes: prometheusScrapes - up,
      outcomes: difference(before.outcomes, after.outcomes),
      lines: tocsin.log.slice(logged).filter(({ level }) => level !== 'debug'),
      bytesOfPage: before.bytes,
      residentBefore: before.resident,
      residentAfter: after.resident,
    };
  } finally {
    await prometheus?.stop();
    await tocsin.stop();
  }
}

/** Checks that never answer: their series fill the page. */
function services(count: number): string {
  return Array.from({ length: count }, (_, i) =>
    `  - { name: check-${i}, interval: 1h, timeout: 1s, labels: { team: storm }, target: "tcp://127.0.0.1:1", tcp: {} }`.replace(
      'tcp://',
      '',
    ),
  ).join('\n');
}

async function startScraper(place: {
  folder: string;
  port: number;
  target: string;
}): Promise<RunningProcess> {
  writeFileSync(
    join(place.folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, scrape_timeout: 1s }\nscrape_configs: [{ job_name: tocsin, static_configs: [{ targets: ['${place.target}'] }] }]\n`,
  );
  const args = [
    `--config.file=${join(place.folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(place.folder, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${place.port}`,
  ];
  return startProcess(peer('prometheus'), args, {
    ready: async () => (await fetch(`http://127.0.0.1:${place.port}/-/ready`)).ok,
  });
}

/** Starts clients at an even pace; resolves when all of them have gone. */
async function storm(port: number, { seconds, clientsPerSecond }: StormOptions): Promise<number> {
  const start = performance.now();
  const total = seconds * clientsPerSecond;
  const gone: Promise<void>[] = [];
  for (let i = 0; i < total; i++) {
    const due = start + (i * 1_000) / clientsPerSecond;
    const wait = due - performance.now();
    if (wait > 1) await pause(wait);
    gone.push(vanishingClient(port, i));
  }
  await Promise.all(gone);
  return total;
}

/** Connects from an address of its own, asks, reads at most the first piece, and resets the connection. */
function vanishingClient(port: number, i: number): Promise<void> {
  return new Promise((resolve) => {
    const socket: Socket = connect({ host: '127.0.0.1', port, localAddress: `127.0.0.${2 + (i % 253)}` });
    socket.once('error', () => resolve());
    socket.once('close', () => resolve());
    socket.once('connect', () => {
      socket.write('GET /metrics HTTP/1.1\r\nHost: tocsin\r\n\r\n', () => {
        if (i % 3 === 0) socket.resetAndDestroy();
        else if (i % 3 === 1) socket.once('data', () => socket.resetAndDestroy());
        else setTimeout(() => socket.resetAndDestroy(), 2);
      });
    });
  });
}

interface Numbers {
  readonly outcomes: Readonly<Record<string, number>>;
  readonly resident: number;
  readonly bytes: number;
}

async function readMetrics(url: string): Promise<Numbers> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const families = parseText(text);
  const samples = families.get('tocsin_scrapes_total')?.samples ?? [];
  return {
    outcomes: Object.fromEntries(samples.map(({ labels, value }) => [labels['outcome'] ?? '', value])),
    resident: families.get('process_resident_memory_bytes')?.samples[0]?.value ?? 0,
    bytes: Buffer.byteLength(text),
  };
}

/** Waits until every client has been counted one way or another. */
async function settledMetrics(url: string, clients: number, before: Numbers): Promise<Numbers> {
  const started = performance.now();
  return until(
    async () => {
      const now = await readMetrics(url);
      const counted = Object.values(difference(before.outcomes, now.outcomes)).reduce((a, b) => a + b, 0);
      return counted >= clients || performance.now() - started > 5_000 ? now : undefined;
    },
    { timeoutMs: 10_000, what: 'every client counted' },
  );
}

function difference(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)]));
}

async function prometheusNumber(port: number, expression: string): Promise<number | undefined> {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`;
  const { data } = (await (await fetch(url)).json()) as { data: { result: { value: [number, string] }[] } };
  return data.result[0] === undefined ? undefined : Number(data.result[0].value[1]);
}
