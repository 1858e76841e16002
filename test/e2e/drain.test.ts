import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseText } from '../support/exposition/exposition-parser.ts';
import { startHttp, type HttpTestServer } from '../support/servers/http.ts';
import { startTocsin, temporaryFolder } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let server: HttpTestServer;
/** The paths that were requested. */
let asked: string[];
/** Answers the requests to /slow that have none yet. */
let answerSlow: () => void;

beforeEach(async () => {
  folder = temporaryFolder();
  asked = [];
  const held: ServerResponse[] = [];
  answerSlow = () => held.splice(0).forEach((response) => response.end('fine'));
  server = await startHttp((request, response) => {
    asked.push(request.url ?? '');
    if (request.url === '/slow') held.push(response);
    else response.end('fine');
  });
});
afterEach(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

const count = (path: string) => asked.filter((one) => one === path).length;

/** A service that is answered when the test says so, one every second, and more that run once. */
const config = (...more: readonly string[]) => `
server: { node: t, lifecycle: true }
store: { path: ledger.db }
host: { enabled: false }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
scheduler: { adaptive: false, timeout: 30s, max_per_host: 100 }
services:
  - { name: slow, target: "${server.url}/slow", interval: 1h, http: {} }
  - { name: often, target: "${server.url}/often", interval: 1s, http: {} }
${more.map((name) => `  - { name: ${name}, target: "${server.url}/${name}", interval: 1h, http: {} }\n`).join('')}`;

async function sampleOf(url: string, name: string, labels: Record<string, string> = {}) {
  const text = await (await fetch(`${url}/metrics?name[]=${name}`)).text();
  const all = [...parseText(text).values()].flatMap(({ samples }) => samples);
  return all.find((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))?.value;
}

async function historyOf(url: string): Promise<{ success: number; failure: number; unknown: number }> {
  const answer = (await (await fetch(`${url}/api/v1/services/slow/history?step=3600`)).json()) as {
    points: { success: number; failure: number; unknown: number }[];
  };
  const sum = { success: 0, failure: 0, unknown: 0 };
  for (const point of answer.points) {
    sum.success += point.success;
    sum.failure += point.failure;
    sum.unknown += point.unknown;
  }
  return sum;
}

describe('a running probe', () => {
  it('ends normally when Tocsin is stopped, and is stored', async () => {
    const first = await startTocsin({ folder: folder.path, config: config() });
    await until(() => count('/slow') === 1);
    const stopped = first.stop();
    await first.logged(({ msg }) => msg === 'stopping');
    answerSlow();
    expect(await stopped).toBe(0);

    await using second = await startTocsin({ folder: folder.path, config: config() });
    const slow = { service: 'slow' };
    expect(await sampleOf(second.url, 'probe_success', slow)).toBe(1);
    expect(await sampleOf(second.url, 'tocsin_check_state', { ...slow, state: 'healthy' })).toBe(1);
    expect(await historyOf(second.url)).toEqual({ success: 1, failure: 0, unknown: 0 });
    expect(count('/slow')).toBe(1);
  });

  it('ends normally while the configuration is reloaded; its phase and history continue', async () => {
    await using tocsin = await startTocsin({ folder: folder.path, config: config() });
    await until(() => count('/slow') === 1);
    for (const round of [1, 2, 3]) {
      const more = Array.from({ length: 20 }, (_, i) => `more-${round}-${i}`);
      writeFileSync(join(folder.path, 'tocsin.yml'), config(...more));
      expect((await fetch(`${tocsin.url}/-/reload`, { method: 'POST' })).status).toBe(200);
      // the first runs after a reload are spread over a second: one of the running probe would be among them
      await until(() => more.every((name) => count(`/${name}`) === 1), { what: 'a run of each new service' });
      const before = count('/often');
      await until(() => count('/often') > before + 1, { what: 'two more runs of a service that was kept' });
    }
    expect(count('/slow')).toBe(1);
    answerSlow();
    const ended = await until(async () => {
      const history = await historyOf(tocsin.url);
      return history.success > 0 ? history : undefined;
    });
    expect(ended).toEqual({ success: 1, failure: 0, unknown: 0 });
    const unknown = { service: 'slow', result: 'unknown' };
    expect(await sampleOf(tocsin.url, 'tocsin_probe_runs_total', unknown)).toBe(0);
    expect(count('/slow')).toBe(1);
  });
});
