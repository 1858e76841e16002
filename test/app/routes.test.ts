import { afterAll, describe, expect, it } from '@jest/globals';
import { Router } from 'express';
import { createRoutes, type RouteDeps } from '../../src/app/routes.ts';
import { createClients } from '../../src/app/clients.ts';
import { guardBelow, guardBy, guardedRoutes, open, requireGuards } from '../../src/http/guard.ts';
import { EventStreams } from '../../src/http/routes/event-stream.ts';
import { HealthBoard } from '../../src/checks/health/board.ts';
import { createSelfMetrics } from '../../src/metrics/self/self-metrics.ts';
import { ConfigFolder } from '../support/config/config-files.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const folder = new ConfigFolder();
afterAll(() => folder.remove());

/** The routes of the server, built from what they need before the first request. */
function serverRoutes() {
  const current = folder.config('');
  const config = () => current;
  const clock = new ManualClock();
  const { logger } = recordingLogger();
  const selfMetrics = createSelfMetrics({ version: '1.2.3', node: 'v20.19.0' });
  const clients = createClients({ config, clock, logger, selfMetrics });
  const streams = new EventStreams({ guard: clients.reads.authorize } as ConstructorParameters<
    typeof EventStreams
  >[0]);
  const parts = {
    config,
    clock,
    logger,
    selfMetrics,
    clients,
    eventDelivery: { streams },
    checkRunner: { board: new HealthBoard() },
  };
  return guardedRoutes(createRoutes({ ...parts, version: '1.2.3' } as unknown as RouteDeps));
}

describe('the routes of the server', () => {
  it('each declare their guard', () => {
    const table = serverRoutes().map(
      ({ method, path, guards }) => `${method} ${path}: ${[...new Set(guards)].join(', ')}`,
    );
    expect(table).toEqual([
      'GET /probe: metrics',
      'ALL /probe: metrics',
      'GET /metrics: metrics',
      'ALL /metrics: metrics',
      'GET /-/healthy: open',
      'GET /-/ready: open',
      'POST /-/reload: admin',
      'POST /api/webhooks/alertmanager: webhook',
      'POST /api/webhooks/alertmanager/:name: webhook',
      'POST /api/webhooks/grafana: webhook',
      'POST /api/webhooks/grafana/:name: webhook',
      'PUT /api/webhooks/grafana: webhook',
      'PUT /api/webhooks/grafana/:name: webhook',
      'GET /: open',
      'POST /api/v1/alerts/:id/ack: ack',
      'DELETE /api/v1/alerts/:id/ack: ack',
      'GET /api/v1/quarantine: read',
      'GET /api/v1/quarantine/:id: read',
      'POST /api/v1/quarantine/:id/resubmit: admin',
      'DELETE /api/v1/quarantine/:id: admin',
      'GET /alerts/by-fingerprint/:webhook/:fingerprint: read',
      'GET /api/v1/events/stream: read',
      'GET /cluster_health: read',
      'GET /health: read',
      'GET /alerts: read',
      'GET /history: read',
      'GET /stats: read',
      'GET /api/v1/services: read',
      'GET /api/v1/services/:name: read',
      'GET /api/v1/services/:name/history: read',
      'GET /api/v1/events: read',
      'GET /api/v1/alerts: read',
      'GET /api/v1/alerts/:id: read',
      'GET /api/v1/deliveries: read',
      'GET /api/v1/sinks: read',
      'GET /config: read',
    ]);
  });
});

describe('requireGuards', () => {
  const answer = () => undefined;
  const read = guardBy('read', (_request, _response, next) => {
    next();
  });

  const postOnly = Router();
  postOnly.route('/a').post(read, answer).get(answer);

  it('accepts routes with a guard before the handler, or on the path', () => {
    const own = Router().get('/a', read, answer);
    const around = Router().use('/b', read).get('/b/c', answer);
    const nested = Router().use(read, Router().get('/d', answer));
    const everyone = Router().get('/e', open, answer);
    expect(requireGuards([own, around, nested, everyone, guardBelow('/f', read)])).toHaveLength(5);
  });

  it.each([
    ['no guard', Router().get('/a', answer), 'GET /a'],
    ['a guard for another path', Router().use('/b', read).get('/a', answer), 'GET /a'],
    ['a guard after its handler', Router().get('/a', answer, read), 'GET /a'],
    ['a guard for another method', postOnly, 'GET /a'],
    ['a guard added after it', Router().get('/a', answer).use(read), 'GET /a'],
    [
      'a guard on a sibling router',
      Router().use(Router().use(read), Router().delete('/a', answer)),
      'DELETE /a',
    ],
  ])('refuses a route with %s', (_, router, name) => {
    expect(() => requireGuards([router])).toThrow(`routes without a guard: ${name}`);
  });
});
