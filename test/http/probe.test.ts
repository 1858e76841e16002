import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { CancelSignal } from '../../src/domain/cancellation.ts';
import { guardRead } from '../../src/http/middleware/access.ts';
import { createConfigRoute } from '../../src/http/routes/config.ts';
import { createProbeRoute } from '../../src/http/routes/probe.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { ProbeAnswer, ProbeQuestion } from '../../src/probes/endpoint/endpoint.ts';
import { testReads } from '../support/reads.ts';
import { serveHandlers, serverConfig } from '../support/http-rig.ts';

const METRICS: ProbeAnswer = { kind: 'metrics', text: 'probe_success 1\n' };

async function rig(answer: (question: ProbeQuestion, signal: CancelSignal) => Promise<ProbeAnswer>) {
  const config = serverConfig({ requestTimeoutMs: 600 });
  return serveHandlers(
    [
      createProbeRoute({
        guard: guardRead('metrics', () => config),
        clientOf: () => ({ address: '192.0.2.1', proven: false }),
        answer: (question, _client, signal) => answer(question, signal),
      }),
    ],
    config,
  );
}

describe('GET /probe', () => {
  it('reads its parameters as blackbox_exporter does: the first of each counts', async () => {
    const questions: ProbeQuestion[] = [];
    await using server = await rig((question) => {
      questions.push(question);
      return Promise.resolve(METRICS);
    });
    const query =
      '?target=http%3A%2F%2Fa.test%2F%3Fb%3Dc%2Bd&target=second&module=m&hostname=h&debug=true&x=y';
    const response = await fetch(`${server.url}/probe${query}`, {
      headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '7' },
    });
    await fetch(`${server.url}/probe?debug=1`);
    expect(questions).toEqual([
      { target: 'http://a.test/?b=c+d', module: 'm', hostname: 'h', debug: true, scrapeTimeout: '7' },
      { target: '', module: '', hostname: '', debug: false, scrapeTimeout: undefined },
    ]);
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      'probe_success 1\n',
    ]);
  });

  it('answers with problem documents, and 503 with the time to wait', async () => {
    await using server = await rig(({ target }) =>
      Promise.resolve({ kind: 'refused', status: target === 'a' ? 403 : 503, title: 'No', detail: 'why' }),
    );
    const [forbidden, busy] = await Promise.all(
      ['a', 'b'].map((target) => fetch(`${server.url}/probe?target=${target}`)),
    );
    expect([forbidden?.status, forbidden?.headers.get('retry-after')]).toEqual([403, null]);
    expect([busy?.status, busy?.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await busy?.json()).toMatchObject({ title: 'No', detail: 'why' });
  });

  it('returns debug output as text, whatever the status', async () => {
    await using server = await rig(() => Promise.resolve({ kind: 'debug', status: 503, text: 'Logs' }));
    const response = await fetch(`${server.url}/probe?target=a&debug=true`);
    expect([response.status, await response.text()]).toEqual([503, 'Logs']);
    expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  it('answers GET and HEAD only', async () => {
    await using server = await rig(() => Promise.resolve(METRICS));
    const posted = await fetch(`${server.url}/probe?target=a`, { method: 'POST' });
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const head = await fetch(`${server.url}/probe?target=a`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
  });

  it('notices when its client disconnects', async () => {
    let left: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => {
      left = resolve;
    });
    await using server = await rig(
      (_question, signal) =>
        new Promise(() => {
          signal.addEventListener('abort', () => left());
          client.destroy();
        }),
    );
    const client = connect(server.port, '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'connect');
    client.write('GET /probe?target=a HTTP/1.1\r\nHost: a\r\n\r\n');
    await gone;
  });

  it('lets a run take longer than the idle timeout of a client', async () => {
    await using server = await rig(
      () =>
        new Promise((resolve) => {
          setTimeout(() => resolve(METRICS), 1_500);
        }),
    );
    const response = await fetch(`${server.url}/probe?target=a`);
    expect(await response.text()).toBe('probe_success 1\n');
  });

  it('requires a token of the scope metrics where one is configured', async () => {
    const tokens = [{ name: 'a', token: new Secret('sesame'), scopes: ['metrics' as const] }];
    const config = serverConfig({ tokens });
    await using server = await serveHandlers(
      [
        createProbeRoute({
          guard: guardRead('metrics', () => config),
          clientOf: () => ({ address: '192.0.2.1', proven: false }),
          answer: () => Promise.resolve(METRICS),
        }),
      ],
      config,
    );
    const url = `${server.url}/probe?target=a`;
    expect((await fetch(url)).status).toBe(401);
    expect((await fetch(url, { headers: { Authorization: 'Bearer sesame' } })).status).toBe(200);
  });
});

describe('GET /config', () => {
  it('shows the configuration in force', async () => {
    let text = 'a: 1\n';
    await using server = await serveHandlers([createConfigRoute(() => text, testReads())]);
    const first = await fetch(`${server.url}/config`);
    expect([first.headers.get('content-type'), await first.text()]).toEqual([
      'text/plain; charset=utf-8',
      'a: 1\n',
    ]);
    text = 'a: 2\n';
    expect(await (await fetch(`${server.url}/config`)).text()).toBe('a: 2\n');
  });
});
