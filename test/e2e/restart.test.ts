import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseText, type ParsedSample } from '../support/exposition/exposition-parser.ts';
import { startHttp, type HttpTestServer } from '../support/servers/http.ts';
import { runTocsin, startTocsin, temporaryFolder } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let server: HttpTestServer;
let status: number;

beforeEach(async () => {
  folder = temporaryFolder();
  status = 200;
  server = await startHttp((_request, response) => void response.writeHead(status).end());
});
afterEach(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

const config = (interval: string, targets = `target: ${server.url}`) => `
server: { node: t }
store: { path: ledger.db }
host: { enabled: false }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
confirm: { failures: 2, retry_interval: 100ms }
scheduler: { adaptive: false }
services:
  - { name: api, interval: ${interval}, timeout: 3s, ${targets}, http: { preferred_ip_protocol: ip4 } }
`;

async function samples(url: string): Promise<readonly ParsedSample[]> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return [...parseText(text).values()].flatMap((family) => family.samples);
}

const value = (all: readonly ParsedSample[], name: string, labels: Record<string, string> = {}) =>
  all.find(
    (one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text),
  )?.value;

async function events(url: string): Promise<readonly string[]> {
  const page = (await (await fetch(`${url}/api/v1/events?type=tocsin.check.*`)).json()) as {
    events: { type: string }[];
  };
  return page.events.map(({ type }) => type);
}

describe('a restart', () => {
  it('exposes the last result and state at once, repeats no event and waits for the phase', async () => {
    status = 503;
    await using first = await startTocsin({ folder: folder.path, config: config('1h') });
    await until(
      async () => value(await samples(first.url), 'tocsin_check_state', { state: 'unhealthy' }) === 1,
    );
    const before = await samples(first.url);
    const reported = ['tocsin.check.degraded', 'tocsin.check.unhealthy'];
    await until(async () => (await events(first.url)).length === reported.length);
    const asked = server.accepted();
    await first.stop();
    await using second = await startTocsin({ folder: folder.path, config: config('1h') });
    const after = await samples(second.url);
    expect(value(after, 'probe_success')).toBe(0);
    expect(value(after, 'tocsin_check_state', { state: 'unhealthy' })).toBe(1);
    for (const name of ['probe_duration_seconds', 'tocsin_probe_last_run_timestamp_seconds']) {
      expect([name, value(after, name)]).toEqual([name, value(before, name)]);
    }
    expect(value(after, 'tocsin_probe_runs_total', { result: 'failure' })).toBe(0);
    const health = (await (await fetch(`${second.url}/cluster_health`)).json()) as {
      services: Record<string, { health: Record<string, unknown> }>;
    };
    expect(health.services['api']?.health).toMatchObject({
      status: 'unhealthy',
      status_code: 503,
      reason: 'status',
    });
    expect(await events(second.url)).toEqual(reported);
    expect(server.accepted()).toBe(asked);
  });

  it('continues after kill -9 too, and reports what has changed in between once', async () => {
    await using first = await startTocsin({ folder: folder.path, config: config('3s') });
    await until(
      async () => value(await samples(first.url), 'tocsin_check_state', { state: 'healthy' }) === 1,
    );
    await until(async () => {
      const answer = (await (await fetch(`${first.url}/api/v1/services/api/history?step=60`)).json()) as {
        points: unknown[];
      };
      return answer.points.length > 0;
    });
    await first.kill();
    status = 503;
    await using second = await startTocsin({ folder: folder.path, config: config('3s') });
    await until(async () => (await events(second.url)).includes('tocsin.check.unhealthy'));
    expect(await events(second.url)).toEqual([
      'tocsin.check.healthy',
      'tocsin.check.degraded',
      'tocsin.check.unhealthy',
    ]);
  });
});

describe('a targets file', () => {
  it('is reloaded while Tocsin runs, and `tocsin check` reports its mistakes with their line', async () => {
    const file = join(folder.path, 'sd.json');
    const write = (...paths: string[]) =>
      writeFileSync(
        file,
        JSON.stringify([{ targets: paths.map((path) => `${server.url}${path}`), labels: { rack: 'r1' } }]),
      );
    write('/a');
    const text = config('3s', 'targets_file: sd.json');
    await using tocsin = await startTocsin({ folder: folder.path, config: text });
    const watched = async () =>
      (await samples(tocsin.url))
        .filter(({ name, labels }) => name === 'probe_success' && labels['rack'] === 'r1')
        .map(({ labels }) => (labels['target'] ?? '').replace(server.url, ''))
        .join(' ');
    await until(async () => (await watched()) === '/a');
    write('/a', '/b');
    await until(async () => (await watched()) === '/a /b');
    expect(tocsin.log.filter(({ msg }) => msg === 'configuration reloaded')).toEqual([]);
    writeFileSync(file, '[\n {"targets": ["ftp://x"], "labels": {"job": "x"}}\n]');
    await until(
      async () =>
        value(await samples(tocsin.url), 'tocsin_targets_file_last_read_successful', { service: 'api' }) ===
        0,
    );
    expect(await watched()).toBe('/a /b');
    const { code, stderr } = await runTocsin(['check', '--config', join(folder.path, 'tocsin.yml')], {
      cwd: folder.path,
    });
    expect([code, stderr.split('\n').length]).toEqual([2, 3]);
    expect(stderr).toContain('sd.json:2: [0].targets[0]: the scheme "ftp" is not http or https');
  });
});
