import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseText } from '../support/exposition-parser.ts';
import { startHttp, type HttpTestServer } from '../support/servers/http.ts';
import { startTocsin, temporaryFolder } from '../support/tocsin.ts';
import { until } from '../support/until.ts';

let folder: ReturnType<typeof temporaryFolder>;
let server: HttpTestServer;
/** When the target was probed, monotonic ms. */
let asked: number[];
let answerAfterMs: number;

beforeEach(async () => {
  folder = temporaryFolder();
  asked = [];
  answerAfterMs = 1_500;
  server = await startHttp((_request, response) => {
    asked.push(performance.now());
    setTimeout(() => response.end('fine'), answerAfterMs);
  });
});
afterEach(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

const config = (interval: string, more = '') => `
server: { node: t, lifecycle: true }
store: { path: ledger.db }
host: { enabled: false }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
scheduler: { adaptive: false }
services:
  - { name: slow, target: "${server.url}", interval: ${interval}, timeout: 1900ms, http: {} }
${more}`;

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
    const first = await startTocsin({ folder: folder.path, config: config('1h') });
    await until(() => asked.length === 1);
    const begun = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - begun).toBeGreaterThan(1_000);

    await using second = await startTocsin({ folder: folder.path, config: config('1h') });
    expect(await sampleOf(second.url, 'probe_success')).toBe(1);
    expect(await sampleOf(second.url, 'tocsin_check_state', { state: 'healthy' })).toBe(1);
    expect(await historyOf(second.url)).toEqual({ success: 1, failure: 0, unknown: 0 });
    expect(asked).toHaveLength(1);
  });

  it('ends normally while the configuration is reloaded; its phase and history continue', async () => {
    answerAfterMs = 1_000;
    await using tocsin = await startTocsin({ folder: folder.path, config: config('2s') });
    await until(() => asked.length === 2);
    const more = '  - { name: other, target: "127.0.0.1:9", tcp: {} }\n';
    for (const added of [more, '', more]) {
      // in the middle of a run, each time
      const runs = asked.length;
      await until(() => asked.length > runs);
      await pause(300);
      writeFileSync(join(folder.path, 'tocsin.yml'), config('2s', added));
      expect((await fetch(`${tocsin.url}/-/reload`, { method: 'POST' })).status).toBe(200);
    }
    await until(() => asked.length === 6);
    const gaps = asked.slice(2).map((at, i) => at - (asked[i + 1] ?? 0));
    // one that started with the reload, 0.3 s into the run before, would be at least a second early
    for (const gap of gaps) expect(Math.round(gap / 2_000)).toBe(1);
    const ended = await until(async () => {
      const history = await historyOf(tocsin.url);
      return history.success >= 5 ? history : undefined;
    });
    expect([ended.failure, ended.unknown]).toEqual([0, 0]);
    expect(await sampleOf(tocsin.url, 'tocsin_probe_runs_total', { result: 'unknown' })).toBe(0);
  });
});
