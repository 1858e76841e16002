import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterEach, describe, expect, it } from '@jest/globals';
import { NetworkSet } from '../../src/domain/network.ts';
import type { ScrapeCollector } from '../../src/exposition/render/collectors.ts';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { parseText } from '../support/exposition/exposition-parser.ts';
import { ManualClock } from '../support/manual-clock.ts';
import {
  startScrapeServer,
  type ScrapeServer,
  type ScrapeServerOptions,
} from '../support/http/scrape-server.ts';
import { until } from '../support/until.ts';

let running: ScrapeServer[] = [];

async function start(options?: ScrapeServerOptions): Promise<ScrapeServer> {
  const server = await startScrapeServer(options);
  running.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(running.map((server) => server.close()));
  running = [];
});

/** A request from one of the machine's loopback addresses. */
async function ask(
  server: ScrapeServer,
  options: { from?: string; path?: string; method?: string } = {},
): Promise<IncomingMessage> {
  const { from = '127.0.0.1', path = '/metrics', method = 'GET' } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      port: server.port,
      host: '127.0.0.1',
      localAddress: from,
      path,
      method,
      agent: false,
    });
    request.once('error', reject);
    request.once('response', (response) => {
      response.resume();
      response.once('end', () => resolve(response));
    });
    request.end();
  });
}

function collector(name: string, collect: ScrapeCollector['collect']): ScrapeCollector {
  return { name, collect, leaveOut: () => undefined };
}

describe('GET /metrics', () => {
  it('answers with a valid exposition, Content-Length and Vary', async () => {
    const server = await start({ series: 3_000 });
    const response = await server.http
      .get('/metrics')
      .set('accept-encoding', 'identity')
      .expect(200)
      .expect('content-type', 'text/plain; version=0.0.4; charset=utf-8')
      .expect('vary', 'Accept, Accept-Encoding');
    expect(response.get('content-encoding')).toBeUndefined();
    expect(response.get('content-length')).toBe(String(Buffer.byteLength(response.text)));
    expect(parseText(response.text).get('test_load')?.samples).toHaveLength(3_000);
    await until(() => server.counts.served === 1);
  });

  it('compresses for clients that accept gzip, unless that is turned off', async () => {
    const [on, off] = await Promise.all([start({ series: 3_000 }), start({ compression: false })]);
    const response = await on.http
      .get('/metrics')
      .set('accept-encoding', 'gzip')
      .expect(200)
      .expect('content-encoding', 'gzip');
    expect(Number(response.get('content-length'))).toBeLessThan(60_000);
    expect(parseText(response.text).get('test_load')?.samples).toHaveLength(3_000);
    const plain = await off.http.get('/metrics').set('accept-encoding', 'gzip').expect(200);
    expect(plain.get('content-encoding')).toBeUndefined();
  });

  it('returns the same bytes when nothing changed', async () => {
    const server = await start({ series: 100 });
    const { text } = await server.http.get('/metrics').expect(200);
    await server.http.get('/metrics').expect(200, text);
  });

  it('answers HEAD with the same headers and collects nothing', async () => {
    let collected = 0;
    const server = await start({ source: { collectors: [collector('cpu', () => void (collected += 1))] } });
    await server.http.head('/metrics').expect(200).expect('vary', 'Accept, Accept-Encoding');
    expect(collected).toBe(0);
    await until(() => server.counts.served === 1);
  });

  it.each(['post', 'put', 'delete', 'options'] as const)(
    'answers %s with 405 and the allowed methods',
    async (method) => {
      const server = await start();
      await server.http[method]('/metrics').expect(405).expect('allow', 'GET, HEAD');
    },
  );

  it('returns only what name[] and collect[] select', async () => {
    const server = await start();
    const named = await server.http.get('/metrics?name[]=test_load&name%5B%5D=other').expect(200);
    expect([...parseText(named.text).keys()]).toEqual(['test_load']);
    await server.http
      .get('/metrics?name[]=missing')
      .expect(404)
      .expect('content-type', 'application/problem+json; charset=utf-8');
    await server.http.get('/metrics?collect[]=missing').expect(400, /collect\[\] names missing/);
  });

  it('leaves out the collectors that exclude[] names, and does not run them', async () => {
    const ran: string[] = [];
    const noting = (name: string) => collector(name, () => void ran.push(name));
    const server = await start({ source: { collectors: ['cpu', 'disk', 'net'].map(noting) } });
    // as in node_exporter, a collector that does not exist is already left out
    await server.http.get('/metrics?exclude[]=disk&exclude%5B%5D=bonding').expect(404);
    expect(ran).toEqual(['cpu', 'net']);
    await server.http.get('/metrics?collect[]=cpu&exclude[]=disk').expect(400, /give one of them/);
    await server.http.get('/metrics?exclude[]=disk&exclude[]=cpu&exclude[]=net').expect(404);
    expect(ran).toEqual(['cpu', 'net']);
  });
});

describe('the deadline of a scrape', () => {
  it.each([
    ['1', 500],
    ['0.2', 100],
  ])('with a timeout of %s s leaves a late collector out after %d ms', async (timeout, afterMs) => {
    const clock = new ManualClock();
    const leftOut: number[] = [];
    const disk = collector('disk', () => new Promise(() => undefined));
    const hanging = { ...disk, leaveOut: () => void leftOut.push(clock.monotonic()) };
    const server = await start({ source: { collectors: [hanging], clock } });
    const asked = fetch(server.url, { headers: { 'x-prometheus-scrape-timeout-seconds': timeout } });
    await until(() => clock.timers > 0);
    await until(
      async () => {
        await clock.advance(1);
        return server.gate.inFlight === 0;
      },
      { everyMs: 0 },
    );
    expect(leftOut).toEqual([afterMs]);
    expect((await asked).status).toBe(200);
  });

  it.each(['', 'soon', '-1', '0', 'Infinity', '1e9'])('is 10 s when the header is %j', async (timeout) => {
    const waits: number[] = [];
    const server = await start({
      scrape: ({ waitMs }) => {
        waits.push(waitMs);
        return Promise.resolve({ chunks: [Buffer.from('x 1\n')], release: () => undefined });
      },
    });
    await server.http.get('/metrics').set('x-prometheus-scrape-timeout-seconds', timeout).expect(200);
    expect(waits).toEqual([10_000]);
  });
});

describe('the limits', () => {
  it('answer 429 with Retry-After beyond the rate of an address, including filtered scrapes', async () => {
    const server = await start({ limits: { perSecond: 0.1, burst: 3 } });
    const paths = [
      '/metrics',
      '/metrics?name[]=test_load',
      '/metrics?collect[]=missing',
      '/metrics',
      '/metrics?name[]=x',
    ];
    const responses: IncomingMessage[] = [];
    for (const path of paths) responses.push(await ask(server, { path }));
    expect(responses.map(({ statusCode }) => statusCode)).toEqual([200, 200, 400, 429, 429]);
    expect(responses[3]?.headers['retry-after']).toBe('10');
    expect(responses[3]?.headers['content-type']).toContain('application/problem+json');
    expect((await ask(server, { from: '127.0.0.2' })).statusCode).toBe(200);
    expect(server.counts.limited).toBe(2);
  });

  it('answer 503 with Retry-After when all places are taken, and keep some for trusted networks', async () => {
    let finish: () => void = () => undefined;
    const held = collector('disk', () => new Promise<void>((resolve) => (finish = resolve)));
    const trusted = new NetworkSet(['127.0.0.9']);
    const server = await start({ limits: { maxInFlight: 6, trusted }, source: { collectors: [held] } });
    const inside = [ask(server), ask(server)];
    await until(() => server.gate.inFlight === 2);
    const refused = await ask(server);
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([503, '1']);
    const known = ask(server, { from: '127.0.0.9' });
    await until(() => server.gate.inFlight === 3);
    finish();
    const statuses = (await Promise.all([...inside, known])).map(({ statusCode }) => statusCode);
    expect(statuses).toEqual([200, 200, 200]);
    expect(server.counts.overloaded).toBe(1);
    expect(server.gate.inFlight).toBe(0);
  });
});

describe('failing loudly', () => {
  it('answers 500 when the exposition cannot be rendered, and logs it', async () => {
    const server = await start({ scrape: () => Promise.reject(new Error('no text')) });
    await server.http
      .get('/metrics')
      .expect(500)
      .expect('content-type', 'application/problem+json; charset=utf-8');
    expect(server.counts.failed).toBe(1);
    expect(server.lines).toEqual([{ level: 'error', message: 'a scrape failed', error: 'no text' }]);
  });

  it('never answers with an empty 200', async () => {
    const server = await start({ source: { table: new SeriesTable() } });
    await server.http.get('/metrics').expect(500);
  });
});
