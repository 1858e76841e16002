import { createServer, get, type Server } from 'node:http';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { postWebhook, webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { parseText } from '../support/exposition/exposition-parser.ts';
import { startHttp } from '../support/servers/http.ts';
import { runTocsin, startTocsin, temporaryFolder } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let watched: Server;
let watchedUrl: string;
let answers: { status: number };

beforeEach(async () => {
  folder = temporaryFolder();
  answers = { status: 200 };
  watched = createServer((_request, response) => {
    response.writeHead(answers.status, { 'content-type': 'application/json' }).end('{"models":[]}');
  }).listen(0, '127.0.0.1');
  await once(watched, 'listening');
  watchedUrl = `http://127.0.0.1:${(watched.address() as AddressInfo).port}/api/tags`;
});

afterEach(async () => {
  watched.closeAllConnections();
  watched.close();
  await folder[Symbol.asyncDispose]();
});

const config = (services: string, more = '') => `
server: { node: test-node, lifecycle: true }
store: { path: ledger.db }
confirm: { failures: 2, retry_interval: 200ms }
${more}
services:
${services}
`;

const tools = () => `  - name: tools
    description: Tools Server
    critical: true
    group: llm
    interval: 3s
    timeout: 3s
    labels: { team: ai }
    target: ${watchedUrl}
    http: {}
`;

const json = async (url: string): Promise<Record<string, unknown>> =>
  (await (await fetch(url)).json()) as Record<string, unknown>;

describe('serve', () => {
  it('checks a service and reports it everywhere', async () => {
    await using tocsin = await startTocsin({ folder: folder.path, config: config(tools()) });
    const healthy = await until(async () => {
      const answer = await json(`${tocsin.url}/cluster_health`);
      return answer['overall_status'] === 'healthy' ? answer : undefined;
    });
    expect(healthy).toMatchObject({
      score: 10,
      alerts: [],
      services: {
        tools: {
          name: 'Tools Server',
          critical: true,
          health: { status: 'healthy', status_code: 200, data: { models: [] } },
        },
      },
      cluster_stats: { total_services: 1, local_node: { memory_percent: expect.any(Number) } },
    });
    expect(await json(`${tocsin.url}/health`)).toMatchObject({
      status: 'healthy',
      service: 'tocsin',
      monitoring_node: 'test-node',
      services_monitored: 1,
      dependencies: { ledger: true },
    });
    const metrics = parseText(await (await fetch(`${tocsin.url}/metrics`)).text());
    const labels = { service: 'tools', target: watchedUrl, prober: 'http', group: 'llm', team: 'ai' };
    const value = (family: string, more: Record<string, string> = {}) =>
      metrics
        .get(family)
        ?.samples.find(
          (one) => JSON.stringify(sorted(one.labels)) === JSON.stringify(sorted({ ...labels, ...more })),
        )?.value;
    expect(value('probe_success')).toBe(1);
    expect(value('probe_http_status_code')).toBe(200);
    expect(value('tocsin_check_info', { critical: 'true' })).toBe(1);
    expect(value('tocsin_check_state', { state: 'healthy' })).toBe(1);
    expect(value('tocsin_probe_runs_total', { result: 'success' })).toBeGreaterThan(0);
    expect(metrics.has('node_load1')).toBe(true);
    expect(metrics.has('process_cpu_seconds_total')).toBe(true);

    answers.status = 503;
    const unhealthy = await until(async () => {
      const answer = await json(`${tocsin.url}/cluster_health`);
      return answer['overall_status'] === 'unhealthy' ? answer : undefined;
    });
    expect(unhealthy['alerts']).toEqual([
      expect.stringMatching(/^CRITICAL: Tools Server is unhealthy - .*503/),
    ]);
    const events = await until(async () => {
      const page = await json(`${tocsin.url}/api/v1/events?type=tocsin.check.unhealthy`);
      return (page['events'] as unknown[]).length > 0 ? page : undefined;
    });
    expect(events['events']).toEqual([
      expect.objectContaining({
        subject: 'tools',
        source: '/tocsin/test-node',
        data: expect.objectContaining({ reason: 'status', labels: { team: 'ai' } }),
      }),
    ]);
    const history = await json(`${tocsin.url}/history?limit=1`);
    expect(history).toMatchObject({ count: 1, history: [{ overall_status: 'unhealthy' }] });
    const points = await until(async () => {
      const answer = await json(`${tocsin.url}/api/v1/services/tools/history?step=60`);
      const all = answer['points'] as { success: number; failure: number }[];
      return all.some(({ failure }) => failure > 0) ? all : undefined;
    });
    expect(points.reduce((sum, { success }) => sum + success, 0)).toBeGreaterThan(0);
    expect(tocsin.log.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  });

  it('accepts alerts, keeps them across a restart, and exits with 0 on SIGTERM', async () => {
    const first = await startTocsin({ folder: folder.path, config: config('  []') });
    const payload = webhookPayload([
      webhookAlert({ alertname: 'A', service: 'x' }),
      webhookAlert({ alertname: 'B' }),
    ]);
    expect(await postWebhook(first.url, payload)).toMatchObject({ status: 200, accepted: 2 });
    expect(await postWebhook(first.url, payload)).toMatchObject({ status: 200, accepted: 0, duplicates: 2 });
    expect(await first.stop()).toBe(0);
    expect(first.log.at(-1)?.msg).toBe('stopped');

    await using second = await startTocsin({ folder: folder.path, config: config('  []') });
    const { alerts } = await json(`${second.url}/api/v1/alerts`);
    expect((alerts as { labels: unknown }[]).map(({ labels }) => labels)).toEqual(
      expect.arrayContaining([{ alertname: 'A', service: 'x' }, { alertname: 'B' }]),
    );
    expect(await postWebhook(second.url, payload)).toMatchObject({ status: 200, duplicates: 2 });
    const { events } = await json(`${second.url}/api/v1/events`);
    expect((events as { type: string }[]).map(({ type }) => type)).toEqual([
      'tocsin.alert.fired',
      'tocsin.alert.fired',
    ]);
  });
});

describe('a reload', () => {
  it('swaps services, keeps the state of those that remain, refuses a broken file', async () => {
    await using tocsin = await startTocsin({ folder: folder.path, config: config(tools()) });
    const file = join(folder.path, 'tocsin.yml');
    const since = await until(async () => {
      const { services } = await json(`${tocsin.url}/api/v1/services`);
      const [service] = services as { state: string; targets: { since: string }[] }[];
      return service?.state === 'healthy' ? service.targets[0]?.since : undefined;
    });
    writeFileSync(file, config(`${tools()}  - { name: second, target: "${watchedUrl}", http: {} }\n`));
    const reloaded = await fetch(`${tocsin.url}/-/reload`, { method: 'POST' });
    expect(reloaded.status).toBe(200);
    const { services } = await json(`${tocsin.url}/api/v1/services`);
    expect(services).toEqual([
      expect.objectContaining({
        key: 'tools',
        state: 'healthy',
        targets: [expect.objectContaining({ since })],
      }),
      expect.objectContaining({ key: 'second' }),
    ]);

    writeFileSync(file, config('  - { name: tools, target: nonsense, htpp: {} }'));
    const refused = await fetch(`${tocsin.url}/-/reload`, { method: 'POST' });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      problems: [expect.objectContaining({ message: expect.stringContaining('http') })],
    });
    expect((await json(`${tocsin.url}/api/v1/services`))['services']).toHaveLength(2);

    writeFileSync(file, config('  []'));
    tocsin.signal('SIGHUP');
    await until(
      async () => ((await json(`${tocsin.url}/api/v1/services`))['services'] as unknown[]).length === 0,
    );
    const text = await (await fetch(`${tocsin.url}/metrics`)).text();
    expect(text).not.toContain('service="tools"');
    expect(text).toContain('tocsin_config_last_reload_successful 1');
  });

  it('applies the levels of escalation, including those of services', async () => {
    const levels = (critical: string, own: string) =>
      config(
        `  - { name: tools, target: "${watchedUrl}", http: {}${own} }`,
        `escalation: { critical: ${critical} }`,
      );
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: levels('[1m, 2m]', ', escalation: { critical: [30s] }'),
    });
    const exposed = async () => {
      const family = parseText(await (await fetch(`${tocsin.url}/metrics`)).text()).get(
        'tocsin_escalation_after_seconds',
      );
      return family?.samples
        .filter(({ labels }) => labels['severity_class'] === 'critical')
        .map(({ labels, value }) => `${labels['service'] ?? ''} ${labels['escalation'] ?? ''}: ${value}`)
        .sort();
    };
    expect(await exposed()).toEqual([' 2: 60', ' 3: 120', 'tools 2: 30', 'tools 3: Infinity']);
    writeFileSync(join(folder.path, 'tocsin.yml'), levels('[3m]', ''));
    tocsin.signal('SIGHUP');
    await until(async () => (await exposed())?.join() === ' 2: 180');
  });
});

describe('the server', () => {
  it('answers requests with another Host only for programs elsewhere: a web page could read the rest', async () => {
    await using tocsin = await startTocsin({ folder: folder.path, config: config(tools()) });
    const { port } = new URL(tocsin.url);
    const status = (path: string, host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        get({ host: '127.0.0.1', port, path, headers: { host } }, (response) => {
          response.destroy();
          resolve(response.statusCode);
        }).on('error', reject);
      });
    const open = ['/metrics', '/-/healthy', '/-/ready'];
    const read = [
      '/',
      '/probe?target=127.0.0.1&module=icmp',
      '/cluster_health',
      '/health',
      '/alerts',
      '/history',
      '/stats',
      '/config',
      '/nowhere',
    ];
    const api = ['services', 'alerts', 'events', 'events/stream', 'deliveries', 'quarantine', 'sinks'];
    for (const path of open) expect([path, await status(path, 'evil.example')]).toEqual([path, 200]);
    for (const path of [...read, ...api.map((name) => `/api/v1/${name}`), '/alerts/by-fingerprint/main/x']) {
      expect([path, await status(path, 'evil.example')]).toEqual([path, 403]);
      expect([path, await status(path, `localhost:${port}`)]).not.toEqual([path, 403]);
    }
  });

  it('lets running requests end when it is stopped, and does not wait for connections that are idle', async () => {
    const waiting: (() => void)[] = [];
    const slow = await startHttp((_request, response) => void waiting.push(() => response.end('fine')));
    await using tocsin = await startTocsin({ folder: folder.path, config: config(tools()) });
    await until(async () => (await json(`${tocsin.url}/health`))['last_check'] !== null);
    expect((await fetch(`${tocsin.url}/-/ready`)).status).toBe(200);
    const idle = connect(Number(new URL(tocsin.url).port), '127.0.0.1').resume();
    idle.write('GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const probed = fetch(`${tocsin.url}/probe?module=http_2xx&target=${encodeURIComponent(slow.url)}`);
    await until(() => idle.bytesRead > 0 && waiting.length === 1);
    const stopped = tocsin.stop();
    await until(() => idle.closed, { what: 'the end of the idle connection' });
    for (const answer of waiting) answer();
    expect(await (await probed).text()).toContain('\nprobe_success 1\n');
    expect(await stopped).toBe(0);
    await slow.close();
  });
});

describe('an error at the start', () => {
  const start = (args: string[] = [], env: Record<string, string> = {}) =>
    runTocsin(['serve', '--listen', '127.0.0.1:0', ...args], { cwd: folder.path, env });

  it('is reported in one line when the port is in use', async () => {
    const port = (watched.address() as AddressInfo).port;
    const { code, stderr } = await runTocsin(['serve', '--listen', `127.0.0.1:${port}`], {
      cwd: folder.path,
    });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `tocsin: cannot listen on 127.0.0.1:${port}: the port is in use by another process. Stop it, or choose another port with --listen or server.listen.\n`,
    );
  });

  it('is reported in one line when the store is not writable', async () => {
    writeFileSync(join(folder.path, 'file'), '');
    writeFileSync(join(folder.path, 'tocsin.yml'), 'store: { path: file/ledger.db }\n');
    const { code, stderr } = await start();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tocsin: .*file\/ledger\.db.*\n$/);
  });

  it('is reported in one line when the store is damaged', async () => {
    mkdirSync(join(folder.path, 'data'));
    writeFileSync(
      join(folder.path, 'data', 'tocsin.db'),
      'this is not a database, and it is longer than a hundred bytes'.repeat(20),
    );
    chmodSync(join(folder.path, 'data', 'tocsin.db'), 0o644);
    const { code, stderr } = await start();
    expect(code).toBe(1);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stderr).toContain('tocsin.db');
  });

  it('is reported with every problem and its line when the configuration is invalid', async () => {
    writeFileSync(
      join(folder.path, 'tocsin.yml'),
      `server:
  lisen: 127.0.0.1:0
scheduler:
  interval: soon
metrics:
  max_in_flight: many
services:
  - name: web
    target: http://127.0.0.1/
    http: {}
  - name: web
    target: http://127.0.0.1/
    http: { metod: GET }
  - name: cache
    target: redis://127.0.0.1/
    redis: { password_file: missing }
`,
    );
    const { code, stderr } = await start();
    expect(code).toBe(2);
    const lines = stderr.trim().split('\n');
    for (const [line, word] of [
      [2, 'listen'],
      [4, 'soon'],
      [6, 'max_in_flight'],
      [11, 'web'],
      [13, 'method'],
      [16, 'missing'],
    ] as const) {
      expect(lines.filter((one) => one.includes(`tocsin.yml:${line}:`) && one.includes(word))).toHaveLength(
        1,
      );
    }
    const checked = await runTocsin(['check'], { cwd: folder.path });
    expect(checked).toMatchObject({ code: 2, stderr });
  });

  it.each([
    [['--nonsense'], /--nonsense/],
    [['nonsense'], /unknown command "nonsense"/],
    [['serve', '--log-level', 'loud'], /--log-level is "loud"/],
    [['serve', '--config', 'absent.yml'], /absent\.yml/],
  ])('exits with 2 for %j', async (args, says) => {
    const { code, stderr } = await runTocsin(args, { cwd: folder.path });
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

function sorted(labels: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
