import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { parseText } from '../support/exposition/exposition-parser.ts';
import { freePort } from '../support/processes/process.ts';
import { startHttp } from '../support/servers/http.ts';
import { startTocsin, temporaryFolder } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

const BASE = `
server: { node: t }
store: { path: ledger.db }
host: { enabled: false }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
`;
const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;

async function value(url: string, name: string): Promise<number | undefined> {
  const response = await fetch(`${url}/metrics`);
  return parseText(await response.text())
    .get(name)
    ?.samples.at(0)?.value;
}

/** Makes the path a named pipe to which no one writes. */
function makePipe(path: string): void {
  execFileSync('mkfifo', [`${path}.new`]);
  renameSync(`${path}.new`, path);
}

async function answers(url: string): Promise<void> {
  const response = await fetch(`${url}/-/healthy`);
  expect(response.status).toBe(200);
}

describe('a file that becomes a named pipe', () => {
  it('does not freeze the process where it is a targets file', async () => {
    const targets = join(folder.path, 'targets.yml');
    writeFileSync(targets, '[]');
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: `${BASE}services: [{ name: api, targets_file: targets.yml, tcp: {} }]`,
    });
    makePipe(targets);
    const refused = await tocsin.logged(({ msg }) => msg.startsWith('a targets file cannot be used'));
    expect(refused['problems']).toEqual([
      expect.objectContaining({
        message: `cannot read ${targets}: it is a pipe; expected a regular file`,
      }),
    ]);
    await answers(tocsin.url);
    expect(await tocsin.stop()).toBe(0);
  });

  it.each([
    ['a secret', 'secret'],
    ['the configuration', 'tocsin.yml'],
  ])('does not freeze the process where it is %s at a reload', async (_, name) => {
    writeFileSync(join(folder.path, 'secret'), 'not-a-guess\n');
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: `${BASE}webhooks: [{ name: am, token_files: [secret] }]`,
    });
    makePipe(join(folder.path, name));
    tocsin.signal('SIGHUP');
    const refused = await tocsin.logged(({ msg }) => msg.startsWith('the configuration was not reloaded'));
    expect(JSON.stringify(refused['problems'])).toContain('it is a pipe; expected a regular file');
    await answers(tocsin.url);
    expect(await tocsin.stop()).toBe(0);
  });
});

/** A Tocsin whose standard output no one reads, which writes a line for each event. */
async function startUnread(): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const port = await freePort();
  const config = join(folder.path, 'tocsin.yml');
  writeFileSync(config, `${BASE}webhooks: [{ name: am }]\nsinks: [{ name: audit, log: {} }]\n`);
  const child = spawn(process.execPath, [MAIN, 'serve', '-c', config, '--listen', `127.0.0.1:${port}`], {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  child.stdout.pause();
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/-/ready`)).ok);
  return { child, url };
}

async function deliver(url: string, round: number): Promise<void> {
  const alerts = Array.from({ length: 1_000 }, (_, i) =>
    webhookAlert({ alertname: 'Many', instance: `host-${round}-${i}` }),
  );
  const response = await fetch(`${url}/api/webhooks/alertmanager/am`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(webhookPayload(alerts)),
  });
  expect(response.status).toBe(200);
}

describe('a reader of standard output that stops', () => {
  it('loses log lines, which are counted and reported, but delays neither responses nor the exit of the process', async () => {
    const { child, url } = await startUnread();
    const exited = once(child, 'exit');
    for (let round = 0; round < 6; round++) await deliver(url, round);
    await until(async () => ((await value(url, 'tocsin_log_messages_dropped_total')) ?? 0) > 0);
    await answers(url);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.stdout?.resume();
    await until(() => text.includes('log lines were lost'));
    child.stdout?.pause();
    for (let round = 6; round < 12; round++) await deliver(url, round);
    child.kill('SIGTERM');
    const [code, signal] = (await exited) as [number | null, string | null];
    expect({ code, signal }).toEqual({ code: 0, signal: null });
  });
});

describe('a CEL rule that is quadratic in the response', () => {
  it('ends as timeout at the deadline of the run, and delays neither responses nor other checks', async () => {
    const items = JSON.stringify(Array.from({ length: 100_000 }, (_, i) => i));
    const body = `{"items":${items}}`;
    expect(body.length).toBeGreaterThan(500_000);
    const server = await startHttp((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(request.url === '/large' ? body : '{"status":"ok"}');
    });
    await using tocsin = await startTocsin({
      folder: folder.path,
      config: `${BASE}
confirm: { failures: 1 }
services:
  - { name: hostile, interval: 1h, timeout: 8s, target: '${server.url}/large',
      http: { preferred_ip_protocol: ip4,
              fail_if_body_json_not_matches_cel: 'body.items.all(x, body.items.exists(y, y == x))' } }
  - { name: good, interval: 4s, timeout: 4s, target: '${server.url}/small',
      http: { preferred_ip_protocol: ip4, fail_if_body_json_not_matches_cel: 'body.status == "ok"' } }
`,
    });
    const changed = (service: string) =>
      tocsin.logged((entry) => entry.msg === 'a check changed its state' && entry['service'] === service);
    expect(await changed('good')).toMatchObject({ state: 'healthy' });
    expect(await changed('hostile')).toMatchObject({ state: 'unhealthy' });
    const response = await fetch(`${tocsin.url}/api/v1/services`);
    expect(await response.text()).toContain('"reason":"timeout"');
    const wrong = tocsin.log.filter((entry) => entry['service'] === 'good' && entry['state'] !== 'healthy');
    expect(wrong).toEqual([]);
    expect(await tocsin.stop()).toBe(0);
    await server.close();
  });
});
