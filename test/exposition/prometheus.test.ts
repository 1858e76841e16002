import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { Histogram } from '../../src/metrics/histogram.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { peer } from '../support/processes/peer-programs.ts';
import { freePort, startProcess, type RunningProcess } from '../support/processes/process.ts';
import { startScrapeServer, type ScrapeServer } from '../support/http/scrape-server.ts';
import { temporaryFolder } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

const RUN_ID = 'f00dfacedeadbeef';
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30];
const seconds = {
  name: 'test_run_seconds',
  type: 'histogram',
  help: 'How long "runs" took.\nOr not.',
} as const;
const wait = { name: 'test_wait_seconds', type: 'summary', help: 'Waiting.' } as const;
const counted = { name: 'test_things_total', type: 'counter', help: 'Things.' } as const;
const odd = { name: 'test_odd', type: 'gauge', help: 'Awkward.' } as const;
const untyped = { name: 'test_untyped_bytes', type: 'untyped', help: '' } as const;

/** Durations from a millisecond to some seconds, the same in every run. */
const DURATIONS = Array.from({ length: 2_000 }, (_, i) => 0.001 * 4_000 ** (((i * 7_919) % 2_000) / 2_000));
const SORTED = [...DURATIONS].sort((a, b) => a - b);

const VALUES: readonly (readonly [label: string, value: number])[] = [
  ['integer', 42],
  ['large', 2 ** 60],
  ['tiny', 5e-324],
  ['huge', 1.7976931348623157e308],
  ['sum', 0.1 + 0.2],
  ['small', -1e-7],
  ['infinite', -Infinity],
  ['quotes " \\ and\nlines é 😱', 1],
];

function fill(table: SeriesTable): void {
  const histogram = new Histogram(BOUNDS);
  const at = Date.now();
  for (const duration of DURATIONS) histogram.observe(duration, { at, exemplar: { run_id: RUN_ID } });
  table
    .group()
    .replace([
      { family: seconds, labels: { service: 'web' }, value: histogram.value() },
      { family: wait, labels: {}, value: { quantiles: [0.5, 0.99], values: [1, 2.5], sum: 7, count: 3 } },
      { family: counted, labels: { kind: 'a' }, value: 7 },
      { family: untyped, labels: {}, value: 1_024 },
      ...VALUES.map(([name, value]) => ({ family: odd, labels: { name }, value })),
    ]);
}

interface Passed {
  readonly job: string;
  readonly agent: string;
  readonly contentType: string;
  readonly encoding: string;
}

/** A proxy in front of the exposition: records what passes, and can force one format. */
async function startRelay(
  target: number,
  passed: (headers: IncomingHttpHeaders, agent: string) => void,
  accept?: string,
) {
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, ...(accept !== undefined && { accept }) };
    request({ port: target, host: '127.0.0.1', path: incoming.url, headers }, (response) => {
      passed(response.headers, incoming.headers['user-agent'] ?? '');
      outgoing.writeHead(response.statusCode ?? 500, response.headers);
      response.pipe(outgoing);
    }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly histogram?: readonly [number, { readonly count: string; readonly sum: string }];
}

async function api<T>(base: string, path: string): Promise<T> {
  const answer = await fetch(`${base}/api/v1/${path}`);
  const { data } = (await answer.json()) as { data: T };
  return data;
}

async function query(base: string, expression: string): Promise<readonly Series[]> {
  const { result } = await api<{ result: Series[] }>(base, `query?query=${encodeURIComponent(expression)}`);
  return result;
}

async function number(base: string, expression: string): Promise<number> {
  const result = await query(base, expression);
  expect([expression, result.length]).toEqual([expression, 1]);
  return Number(result[0]?.value?.[1]);
}

const JOBS = {
  direct: undefined,
  text: 'text/plain;version=0.0.4',
  openmetrics: 'application/openmetrics-text;version=1.0.0',
} as const;

async function startPrometheus(
  name: 'prometheus' | 'prometheus-old',
  folder: string,
  ports: Readonly<Record<string, number>>,
) {
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const jobs = Object.entries(ports).map(([job, target]) => ({
    job_name: job,
    static_configs: [{ targets: [`127.0.0.1:${target}`] }],
  }));
  const file = join(folder, 'prometheus.yml');
  const global = { scrape_interval: '4s', scrape_timeout: '4s' };
  writeFileSync(file, JSON.stringify({ global, scrape_configs: jobs }));
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'tsdb')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--enable-feature=exemplar-storage,native-histograms',
  ];
  const url = `http://127.0.0.1:${port}`;
  const running = await startProcess(peer(name), args, {
    ready: async () => (await fetch(`${url}/-/ready`)).ok,
  });
  return { running, url };
}

describeWithPeers(['prometheus', 'prometheus-old'], 'a real Prometheus', () => {
  const passed: Passed[] = [];
  const servers = new Map<string, { running: RunningProcess; url: string }>();
  const relays: Server[] = [];
  const folder = temporaryFolder();
  let exposition: ScrapeServer;

  beforeAll(async () => {
    const table = new SeriesTable();
    fill(table);
    exposition = await startScrapeServer({ source: { table, native: () => true } });
    const ports: Record<string, number> = {};
    for (const [job, accept] of Object.entries(JOBS)) {
      const note = (headers: IncomingHttpHeaders, agent: string) =>
        passed.push({
          job,
          agent,
          contentType: headers['content-type'] ?? '',
          encoding: headers['content-encoding'] ?? '',
        });
      const relay = await startRelay(exposition.port, note, accept);
      relays.push(relay.server);
      ports[job] = relay.port;
    }
    for (const name of ['prometheus', 'prometheus-old'] as const)
      servers.set(name, await startPrometheus(name, join(folder.path, name), ports));
    const scraped = async ({ url }: { url: string }) =>
      (await query(url, 'count_over_time(up[1m]) > 1')).length === 3;
    for (const server of servers.values())
      await until(() => scraped(server), { what: 'two scrapes of each job' });
  });

  afterAll(async () => {
    await Promise.all([...servers.values()].map(({ running }) => running.stop()));
    for (const relay of relays) {
      relay.closeAllConnections();
      relay.close();
    }
    await exposition.close();
    await folder[Symbol.asyncDispose]();
  });

  const urlOf = (name: string) => servers.get(name)?.url ?? '';

  describe.each(['prometheus', 'prometheus-old'])('%s', (name) => {
    it('scrapes every format, compressed', async () => {
      const url = urlOf(name);
      expect(await number(url, 'min(min_over_time(up[1m]))')).toBe(1);
      const agent = name === 'prometheus' ? /^Prometheus\/3/ : /^Prometheus\/2/;
      const own = passed.filter((one) => agent.test(one.agent));
      const formats = new Map(own.map(({ job, contentType }) => [job, contentType.split(';')[0]]));
      expect(Object.fromEntries(formats)).toEqual({
        direct: 'application/vnd.google.protobuf',
        text: 'text/plain',
        openmetrics: 'application/openmetrics-text',
      });
      expect(new Set(own.map(({ encoding }) => encoding))).toEqual(new Set(['gzip']));
    });

    it.each(Object.keys(JOBS))('reads the same values from %s', async (job) => {
      const url = urlOf(name);
      const odds = await query(url, `test_odd{job="${job}"}`);
      const read = new Map(
        odds.map(({ metric, value }) => [
          metric['name'],
          Number((value?.[1] ?? '').replace('Inf', 'Infinity')),
        ]),
      );
      expect([...read].sort()).toEqual([...VALUES].sort());
      expect(await number(url, `test_things_total{job="${job}",kind="a"}`)).toBe(7);
      expect(await number(url, `test_untyped_bytes{job="${job}"}`)).toBe(1_024);
      expect(await number(url, `test_wait_seconds{job="${job}",quantile="0.99"}`)).toBe(2.5);
      expect(await number(url, `test_wait_seconds_count{job="${job}"}`)).toBe(3);
    });

    it('stores types, help and units', async () => {
      const metadata = await api<Record<string, { type: string; help: string; unit: string }[]>>(
        urlOf(name),
        'metadata',
      );
      const types = ['seconds', 'wait', 'things'].map((what) => {
        const found = Object.entries(metadata).filter(([family]) => family.includes(what));
        return [...new Set(found.flatMap(([, said]) => said.map(({ type }) => type)))];
      });
      expect(types).toEqual([expect.arrayContaining(['histogram']), ['summary'], ['counter']]);
      expect(metadata['test_run_seconds']?.map(({ help }) => help)).toContain(seconds.help);
      expect(metadata['test_run_seconds']?.map(({ unit }) => unit)).toContain('seconds');
    });

    it('has the native histogram, with every observation', async () => {
      const [native] = await query(urlOf(name), 'test_run_seconds{job="direct"}');
      expect(native?.histogram?.[1].count).toBe(String(DURATIONS.length));
      const sum = DURATIONS.reduce((a, b) => a + b);
      expect(Number(native?.histogram?.[1].sum)).toBeCloseTo(sum, 6);
    });

    it.each([0.1, 0.5, 0.9, 0.99])(
      'computes quantile %d from the native histogram as from the classic one',
      async (q) => {
        const url = urlOf(name);
        const exact = SORTED[Math.ceil(q * SORTED.length) - 1] ?? 0;
        const native = await number(url, `histogram_quantile(${q}, test_run_seconds{job="direct"})`);
        // a bucket of schema 3 is 9 % wide
        expect(Math.abs(native / exact - 1)).toBeLessThan(2 ** (1 / 8) - 1);
        for (const job of ['text', 'openmetrics']) {
          const classic = await number(
            url,
            `histogram_quantile(${q}, test_run_seconds_bucket{job="${job}"})`,
          );
          const end = BOUNDS.findIndex((bound) => exact <= bound);
          const [from, to] = [BOUNDS[end - 1] ?? 0, BOUNDS[end] ?? Infinity];
          expect([from < classic, classic <= to]).toEqual([true, true]);
          expect([from / 1.1 < native, native <= to * 1.1]).toEqual([true, true]);
        }
      },
    );

    it.each(['direct', 'openmetrics'])('has the exemplars of %s, which identify the run', async (job) => {
      const [now, range] = [Date.now() / 1_000, 600];
      const all = `query_exemplars?query={__name__=~"test_run_seconds.*",job="${job}"}&start=${now - range}&end=${now + range}`;
      const series = await api<{ exemplars: { labels: Record<string, string> }[] }[]>(urlOf(name), all);
      const runs = new Set(
        series.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels['run_id'])),
      );
      expect([...runs]).toEqual([RUN_ID]);
    });
  });
});
