import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SUCCESS } from '../../src/domain/result.ts';
import type { Service } from '../../src/domain/service.ts';
import { checkKey } from '../../src/domain/service.ts';
import { HealthBoard } from '../../src/checks/health/board.ts';
import { measureRequests } from '../../src/http/middleware/measure.ts';
import type { HttpMeasurement } from '../../src/metrics/self/instruments.ts';
import { createLandingRoute } from '../../src/http/routes/landing.ts';
import { createLedgerRoute } from '../../src/http/routes/ledger.ts';
import { createLifecycleRoute } from '../../src/http/routes/lifecycle.ts';
import { createServicesRoute } from '../../src/http/routes/services.ts';
import {
  LedgerUnavailableError,
  type AlertQuery,
  type EventQuery,
  type HistoryQuery,
} from '../../src/ledger/ledger.ts';
import { ServiceApiViews } from '../../src/checks/health/service-api-views.ts';
import { testReads } from '../support/http/reads.ts';
import { serveHandlers, serverConfig, type HttpRig } from '../support/http/http-rig.ts';

const service: Service = {
  name: 'web',
  critical: true,
  priority: 2,
  intervalMs: 30_000,
  timeoutMs: 5_000,
  labels: { team: 'ai' },
  prober: 'http',
  targets: [{ address: 'http://u:p@a/', label: 'http://a/', host: 'a' }],
  confirm: { failures: 1, successes: 1, retryIntervalMs: 1 },
  adaptive: {},
};

let rig: HttpRig | undefined;
afterEach(async () => {
  await rig?.close();
  rig = undefined;
});

async function serve(more: { notReady?: string[]; broken?: boolean; lifecycle?: boolean } = {}) {
  const asked: { events?: EventQuery; alerts?: AlertQuery; history?: HistoryQuery } = {};
  const measured: HttpMeasurement[] = [];
  const board = new HealthBoard();
  board.configure([service], 0);
  board.record(checkKey('web', 'http://a/'), {
    verdict: SUCCESS,
    startedAt: 1_000,
    durationSeconds: 0.5,
    details: {},
  });
  const answer = <T>(value: T) =>
    more.broken === true
      ? Promise.reject(new LedgerUnavailableError('the disk is full'))
      : Promise.resolve(value);
  const reads = testReads();
  const stored = {
    events: (query: EventQuery) => {
      asked.events = query;
      return query.after === 'old-1'
        ? answer({ gone: true, oldest: 'e-7' } as const)
        : answer({ events: [], nextAfter: 'e-9' });
    },
    alerts: (query: AlertQuery) => {
      asked.alerts = query;
      return answer([]);
    },
    alert: () => answer(undefined),
    deliveries: () => answer([]),
  };
  const ledger = createLedgerRoute({ ledger: stored, reads });
  const history = (query: HistoryQuery) => {
    asked.history = query;
    return answer([{ at: 0, success: 2, failure: 1, unknown: 0, meanDurationSeconds: 0.25 }]);
  };
  rig = await serveHandlers([
    measureRequests((measurement) => measured.push(measurement)),
    createLandingRoute('1.2.3'),
    createLifecycleRoute({
      server: () => serverConfig({ lifecycle: more.lifecycle ?? false }),
      notReady: () => more.notReady ?? [],
      reload: () => Promise.resolve({ ok: true }),
    }),
    createServicesRoute({
      services: new ServiceApiViews(board),
      ledger: { history },
      reads,
      now: () => 1_000_000,
    }),
    ledger,
  ]);
  const { http, port } = rig;
  return { asked, measured, http, port };
}

describe('the API', () => {
  it('lists services without their credentials', async () => {
    const { http } = await serve();
    const response = await http.get('/api/v1/services').expect(200).expect('cache-control', 'no-store');
    expect(response.body).toMatchObject({
      services: [
        { key: 'web', state: 'healthy', interval: 30, targets: [{ target: 'http://a/', state: 'healthy' }] },
      ],
    });
    expect(response.text).not.toContain('u:p');
  });

  it('returns the history of a service by steps', async () => {
    const { http, asked } = await serve();
    const response = await http.get('/api/v1/services/web/history?from=0&to=3600&step=60').expect(200);
    expect(asked.history).toEqual({ service: 'web', from: 0, to: 3_600_000, stepMs: 60_000 });
    expect(response.body).toMatchObject({
      from: '1970-01-01T00:00:00.000Z',
      points: [{ time: '1970-01-01T00:00:00.000Z', success: 2, failure: 1, mean_response_time: 0.25 }],
    });
  });

  it('passes the query for events and alerts on', async () => {
    const { http, asked } = await serve();
    await http
      .get('/api/v1/events?after=e-8&limit=5&type=tocsin.alert.*&subject=web')
      .expect(200, { events: [], next_after: 'e-9' });
    expect(asked.events).toMatchObject({ after: 'e-8', limit: 5, type: 'tocsin.alert.*', subject: 'web' });
    await http.get('/api/v1/alerts?state=all&severity=critical').expect(200);
    expect(asked.alerts).toMatchObject({ state: 'all', severity: 'critical', limit: 100 });
  });

  it('answers 410 with the oldest id for events that are no longer kept', async () => {
    const { http } = await serve();
    const response = await http.get('/api/v1/events?after=old-1').expect(410);
    expect(response.body).toMatchObject({ oldest: 'e-7' });
  });

  it.each([
    ['/api/v1/events?limit=0', 'limit is "0"; expected a whole number from 1 to 10000'],
    ['/api/v1/events?limit=10001', 'limit is "10001"'],
    ['/api/v1/events?limit=1e3', 'limit is "1e3"'],
    ['/api/v1/alerts?state=broken', 'state is "broken"; expected one of open, closed, all'],
    ['/api/v1/events?type=a&type=b', 'type is "["a","b"]"; expected one value'],
    ['/api/v1/services/web/history?from=yesterday', 'from is "yesterday"; expected an RFC 3339 time'],
    ['/api/v1/services/web/history?from=0&to=1000000000&step=1', 'step is "1"'],
  ])('refuses %s with 400 and a reason', async (path, says) => {
    const { http } = await serve();
    const response = await http
      .get(path)
      .expect(400)
      .expect('content-type', /application\/problem\+json/);
    expect(response.body).toMatchObject({ detail: expect.stringContaining(says) });
  });

  it.each(['/api/v1/services/none', '/api/v1/services/none/history', '/api/v1/alerts/none', '/nothing'])(
    'answers 404 for %s',
    async (path) => {
      const { http } = await serve();
      const response = await http.get(path).expect(404);
      expect(response.body).toMatchObject({ status: 404, title: expect.any(String) });
    },
  );

  it('answers 503 when the ledger cannot be read, and logs no error', async () => {
    const { http } = await serve({ broken: true });
    const response = await http.get('/api/v1/events').expect(503);
    expect(response.body).toMatchObject({ detail: 'the disk is full' });
    expect(rig?.lines).toEqual([]);
  });

  it('answers 400 for a path that cannot be decoded', async () => {
    const { http } = await serve();
    await http.get('/api/v1/services/%E0%A4%A').expect(400);
  });
});

describe('Tocsin itself', () => {
  it('is healthy when it answers, and ready when nothing blocks it', async () => {
    const { http } = await serve();
    await http.get('/-/healthy').expect(200);
    await http.get('/-/ready').expect(200);
    await http.get('/').expect(200, /Tocsin 1\.2\.3/);
  });

  it('reports why it is not ready', async () => {
    const { http } = await serve({ notReady: ['the ledger cannot be written'] });
    const response = await http.get('/-/ready').expect(503);
    expect(response.body).toMatchObject({ detail: 'the ledger cannot be written' });
  });

  it.each([
    [true, 200],
    [false, 403],
  ])('reloads by request where server.lifecycle is %s', async (lifecycle, status) => {
    const { http } = await serve({ lifecycle });
    await http.post('/-/reload').expect(status);
  });

  it('measures requests by route pattern', async () => {
    const { http, measured } = await serve();
    await http.get('/api/v1/services/none').expect(404);
    await http.get('/nothing').expect(404);
    expect(measured).toMatchObject([
      { method: 'GET', route: '/api/v1/services/:name', status: 404 },
      { method: 'GET', route: '', status: 404 },
    ]);
    expect(measured[0]?.seconds).toBeGreaterThan(0);
  });

  it('answers 400 to a request that is not HTTP, and logs nothing', async () => {
    const { port } = await serve();
    const socket = connect({ host: '127.0.0.1', port });
    socket.write('\u0000\u0001 nonsense\r\n\r\n');
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => (received += text));
    await once(socket, 'close');
    expect(received).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(rig?.lines).toEqual([]);
  });
});
