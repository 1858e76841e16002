import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { startHttp } from '../support/servers/http.ts';
import { postWebhook, webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { openStream } from '../support/http/event-stream.ts';
import { startTocsin, temporaryFolder } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';
import { runRedisStopped } from './scenarios/redis-stopped.ts';
import { runResume } from './scenarios/sse-resume.ts';

const alertNamed = (alertname: string) => webhookPayload([webhookAlert({ alertname })]);

describe('a client of the event stream that is killed repeatedly', () => {
  it('receives every event once and in order, even across a kill -9 of Tocsin', async () => {
    const record = await runResume({ kills: 60, perSecond: 1_000, restarts: 1 });
    const { missing, twice, outOfOrder, gaps, events } = record;
    expect({ missing, twice, outOfOrder, gaps }).toEqual({ missing: 0, twice: 0, outOfOrder: 0, gaps: 0 });
    expect(events).toBeGreaterThan(500);
  });
});

describe('a Redis that is killed and restarted', () => {
  it('finally has every event in order, even across a kill -9 of Tocsin', async () => {
    const record = await runRedisStopped({ perSecond: 500, upSeconds: 1, downSeconds: 2, restart: true });
    expect([record.missing, record.outOfOrder]).toEqual([0, 0]);
    // a batch whose answer was lost, at most one for each end of a connection
    expect(record.duplicates).toBeLessThanOrEqual(200);
    expect(record.greatestLag).toBeGreaterThan(0);
    expect(record.failures).toBeGreaterThan(0);
  });
});

describe('a reload', () => {
  it('swaps the sinks, keeps their positions, and ends streams so that they authenticate again', async () => {
    await using folder = temporaryFolder();
    const got: { path: string; name: string }[] = [];
    const receiver = await startHttp((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        const { data } = JSON.parse(body) as { data: { labels?: Record<string, string> } };
        const name = data.labels?.['alertname'];
        if (name !== undefined) got.push({ path: request.url ?? '', name });
        response.writeHead(request.url === '/odd' ? 422 : 204).end();
      });
    });
    const config = (more: string) =>
      `store: { path: l.db }\nhost: { enabled: false }\nserver: { lifecycle: true }\n${more}`;
    const sink = (path: string) => `sinks: [{ name: out, http: { url: "${receiver.url}${path}" } }]\n`;
    await using tocsin = await startTocsin({ folder: folder.path, config: config(sink('/one')) });
    const views = async () => {
      const answer = await (await fetch(`${tocsin.url}/api/v1/sinks`)).json();
      return (answer as { sinks: { name: string; lag: number; failing: null; dead_letters: unknown[] }[] })
        .sinks;
    };
    await until(async () => (await views()).length === 1);
    await postWebhook(tocsin.url, alertNamed('One'));
    await until(() => got.length === 1);
    const stream = await openStream(`${tocsin.url}/api/v1/events/stream`);
    const reload = async (text: string) => {
      writeFileSync(join(folder.path, 'tocsin.yml'), config(text));
      expect((await fetch(`${tocsin.url}/-/reload`, { method: 'POST' })).status).toBe(200);
    };
    await reload('');
    await stream.ended;
    await until(async () => (await views()).length === 0);
    await postWebhook(tocsin.url, alertNamed('Two'));
    await reload(sink('/odd'));
    await postWebhook(tocsin.url, alertNamed('Three'));
    await until(() => got.length === 3);
    expect(got).toEqual([
      { path: '/one', name: 'One' },
      { path: '/odd', name: 'Two' },
      { path: '/odd', name: 'Three' },
    ]);
    // the two alerts and the two reloads
    await until(async () => (await views())[0]?.dead_letters.length === 4);
    await receiver.close();
  });
});
