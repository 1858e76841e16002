import { afterEach, describe, expect, it } from '@jest/globals';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { Secret } from '../../src/domain/secret.ts';
import { HttpSink } from '../../src/events/sinks/http.ts';
import { cloudEvent } from '../../src/ledger/cloud-event.ts';
import { startHttp, type HttpTestServer } from '../support/servers/http.ts';

const stored = {
  offset: 7,
  type: 'tocsin.alert.fired',
  subject: 'f404ecabc8dd5cd7',
  time: Date.UTC(2026, 0),
  data: '{"labels":{"alertname":"Ünïcode ✓"}}',
};
const event = cloudEvent(stored, 'e1', 'test');
const never = new AbortController().signal;

let server: HttpTestServer | undefined;
let sink: HttpSink | undefined;
afterEach(async () => {
  await sink?.close();
  await server?.close();
});

async function start(handle: RequestListener, more: { authorization?: Secret; timeoutMs?: number } = {}) {
  server = await startHttp(handle);
  sink = new HttpSink({ url: `${server.url}/in?team=ai`, timeoutMs: 5_000, ...more });
  return sink;
}

const answering =
  (status: number, body = '', headers: Record<string, string> = {}): RequestListener =>
  (_request, response) =>
    response.writeHead(status, headers).end(body);

describe('a sink over HTTP', () => {
  it('posts a CloudEvent in structured mode, on one connection', async () => {
    const got: { method?: string; url?: string; headers: IncomingHttpHeaders; body: string }[] = [];
    const ports = new Set<number | undefined>();
    const http = await start(
      (request, response) => {
        ports.add(request.socket.remotePort);
        let body = '';
        request.setEncoding('utf8').on('data', (text: string) => (body += text));
        request.on('end', () => {
          const { method, url, headers } = request;
          got.push({ method: method ?? '', url: url ?? '', headers, body });
          response.writeHead(202).end('taken');
        });
      },
      { authorization: new Secret('Bearer sesame') },
    );
    for (let i = 0; i < 3; i++) expect(await http.deliver([event, event], never)).toEqual({ accepted: 1 });
    expect(got).toHaveLength(3);
    expect(got[0]).toMatchObject({ method: 'POST', url: '/in?team=ai' });
    expect(got[0]?.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      authorization: 'Bearer sesame',
    });
    expect(got[0]?.body).toBe(
      '{"specversion":"1.0","id":"e1-7","source":"/tocsin/test","type":"tocsin.alert.fired",' +
        '"subject":"f404ecabc8dd5cd7","time":"2026-01-01T00:00:00.000Z","datacontenttype":"application/json",' +
        `"data":${stored.data}}`,
    );
    expect(ports.size).toBe(1);
  });

  it.each([
    [400, true],
    [401, false],
    [403, false],
    [404, false],
    [408, false],
    [409, true],
    [413, true],
    [422, true],
    [429, false],
    [302, false],
    [500, false],
    [503, false],
  ])('treats %d as a refusal of the event: %s', async (status, permanent) => {
    const http = await start(answering(status, ' so\n  it is '));
    expect(await http.deliver([event], never)).toEqual({
      accepted: 0,
      failure: { reason: `HTTP ${status}: so it is`, permanent },
    });
  });

  it('reports when the receiver asks for a retry', async () => {
    const http = await start(answering(503, '', { 'Retry-After': '7' }));
    expect(await http.deliver([event], never)).toMatchObject({ failure: { retryAfterMs: 7_000 } });
  });

  it('gives up on a receiver that does not answer in time', async () => {
    const http = await start(() => undefined, { timeoutMs: 50 });
    expect(await http.deliver([event], never)).toEqual({
      accepted: 0,
      failure: { reason: 'no answer within 0.05 s' },
    });
  });

  it('reports why it cannot connect, and recovers', async () => {
    const http = new HttpSink({ url: 'http://127.0.0.1:1/', timeoutMs: 1_000 });
    const { failure } = await http.deliver([event], never);
    expect(failure?.reason).toMatch(/ECONNREFUSED/);
    await http.close();
  });

  it('limits an endless response', async () => {
    const http = await start((_request, response) => {
      response.writeHead(500);
      const write = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
        response.once('drain', write);
      };
      write();
    });
    const { failure } = await http.deliver([event], never);
    expect(failure?.reason).toMatch(/^HTTP 500: x{200}$/);
  });

  it('is aborted by the signal', async () => {
    const cut = new AbortController();
    const http = await start(() => cut.abort());
    expect((await http.deliver([event], cut.signal)).accepted).toBe(0);
  });
});
