import { connect } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import type { CancelSignal } from '../../src/domain/cancellation.ts';
import { guardRead } from '../../src/http/middleware/access.ts';
import { createConfigRoute } from '../../src/http/routes/config.ts';
import { createProbeRoute } from '../../src/http/routes/probe.ts';
import { Secret } from '../../src/domain/secret.ts';
import type { ProbeResponse, ProbeRequest } from '../../src/probes/endpoint/endpoint.ts';
import { testReads } from '../support/http/reads.ts';
import { serveHandlers, serverConfig } from '../support/http/http-rig.ts';

const METRICS: ProbeResponse = { kind: 'metrics', text: 'probe_success 1\n' };

async function rig(
  answer: (question: ProbeRequest, signal: CancelSignal) => Promise<ProbeResponse>,
  config = serverConfig(),
) {
  return serveHandlers(
    [
      createProbeRoute({
        guard: guardRead('metrics', () => config),
        clientOf: () => ({ address: '192.0.2.1', authenticated: false }),
        answer: (question, _client, signal) => answer(question, signal),
      }),
    ],
    config,
  );
}

describe('GET /probe', () => {
  it('reads its parameters as blackbox_exporter does: the first of each counts', async () => {
    const questions: ProbeRequest[] = [];
    await using server = await rig((question) => {
      questions.push(question);
      return Promise.resolve(METRICS);
    });
    const query =
      '?target=http%3A%2F%2Fa.test%2F%3Fb%3Dc%2Bd&target=second&module=m&hostname=h&debug=true&x=y';
    await server.http
      .get(`/probe${query}`)
      .set('X-Prometheus-Scrape-Timeout-Seconds', '7')
      .expect(200, 'probe_success 1\n')
      .expect('content-type', 'text/plain; version=0.0.4; charset=utf-8');
    await server.http.get('/probe?debug=1').expect(200);
    expect(questions).toEqual([
      { target: 'http://a.test/?b=c+d', module: 'm', hostname: 'h', debug: true, scrapeTimeout: '7' },
      { target: '', module: '', hostname: '', debug: false, scrapeTimeout: undefined },
    ]);
  });

  it('answers with problem documents, and 503 with the time to wait', async () => {
    await using server = await rig(({ target }) =>
      Promise.resolve({ kind: 'refused', status: target === 'a' ? 403 : 503, title: 'No', detail: 'why' }),
    );
    const forbidden = await server.http.get('/probe?target=a').expect(403);
    expect(forbidden.get('retry-after')).toBeUndefined();
    const busy = await server.http.get('/probe?target=b').expect(503).expect('retry-after', '1');
    expect(busy.body).toMatchObject({ title: 'No', detail: 'why' });
  });

  it('returns debug output as text, whatever the status', async () => {
    await using server = await rig(() => Promise.resolve({ kind: 'debug', status: 503, text: 'Logs' }));
    await server.http
      .get('/probe?target=a&debug=true')
      .expect(503, 'Logs')
      .expect('content-type', 'text/plain; charset=utf-8');
  });

  it('answers GET and HEAD only', async () => {
    await using server = await rig(() => Promise.resolve(METRICS));
    await server.http.post('/probe?target=a').expect(405).expect('allow', 'GET, HEAD');
    const head = await server.http.head('/probe?target=a').expect(200);
    expect(head.text).toBeUndefined();
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
      serverConfig({ requestTimeoutMs: 600 }),
    );
    await server.http.get('/probe?target=a').expect(200, 'probe_success 1\n');
  });

  it('requires a token of the scope metrics where one is configured', async () => {
    const tokens = [{ name: 'a', token: new Secret('sesame'), scopes: ['metrics' as const] }];
    const config = serverConfig({ tokens });
    await using server = await serveHandlers(
      [
        createProbeRoute({
          guard: guardRead('metrics', () => config),
          clientOf: () => ({ address: '192.0.2.1', authenticated: false }),
          answer: () => Promise.resolve(METRICS),
        }),
      ],
      config,
    );
    await server.http.get('/probe?target=a').expect(401);
    await server.http.get('/probe?target=a').set('Authorization', 'Bearer sesame').expect(200);
  });
});

describe('GET /config', () => {
  it('shows the configuration in force', async () => {
    let text = 'a: 1\n';
    await using server = await serveHandlers([createConfigRoute(() => text, testReads())]);
    await server.http
      .get('/config')
      .expect(200, 'a: 1\n')
      .expect('content-type', 'text/plain; charset=utf-8');
    text = 'a: 2\n';
    await server.http.get('/config').expect(200, 'a: 2\n');
  });
});
