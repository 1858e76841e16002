import { Router } from 'express';
import type { HealthBoard } from '../../health/board.ts';
import { clusterSnapshot, type HostStats } from '../../health/snapshot.ts';
import { rebuildHistory } from '../../health/history.ts';
import { rfc3339 } from '../../health/run-view.ts';
import { alertSentences, checkView } from '../../health/views.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { sendJson } from '../json.ts';
import { Query } from '../query.ts';

export interface MonitoringRouteDeps {
  readonly board: HealthBoard;
  readonly ledger: Pick<Ledger, 'events' | 'writable'>;
  /** Whether each watchdog is heard, by its name. */
  readonly watchdogs: () => Readonly<Record<string, boolean>>;
  readonly node: () => string;
  readonly now: () => number;
  /** When Tocsin started, ms since the epoch. */
  readonly startedAt: number;
  readonly hostStats: () => HostStats;
}

const MAX_HISTORY = 1_000;

/** The monitoring paths that clients of older dashboards ask: the verdict is in the body, the status is 200. */
export function createMonitoringRoute(deps: MonitoringRouteDeps): Router {
  const router = Router();
  const uptime = () => (deps.now() - deps.startedAt) / 1_000;
  const checks = () => deps.board.entries().map(checkView);
  router.get('/cluster_health', (_request, response) => {
    const context = { now: deps.now(), uptimeSeconds: uptime(), host: deps.hostStats() };
    sendJson(response, clusterSnapshot(checks(), context));
  });
  router.get('/health', (_request, response) => sendJson(response, health(deps)));
  router.get('/alerts', (_request, response) => {
    const alerts = alertSentences(checks());
    sendJson(response, { alerts, count: alerts.length, timestamp: rfc3339(deps.now()) });
  });
  router.get('/history', async (request, response) => {
    const query = new Query(request);
    const limit = query.integer('limit', { min: 1, max: MAX_HISTORY, fallback: 100 });
    if (query.refused(response)) return;
    const page = await deps.ledger.events({ type: 'tocsin.check.*', order: 'desc', limit });
    const history = 'gone' in page ? [] : rebuildHistory(checks(), page.events, deps.startedAt);
    sendJson(response, { history, count: history.length });
  });
  router.get('/stats', (_request, response) => {
    const { cpu_percent, memory, disk } = deps.hostStats();
    const services = [...new Set(deps.board.entries().map(({ service }) => service.name))];
    sendJson(response, {
      cpu_percent,
      memory,
      disk,
      monitoring_uptime: uptime(),
      services_monitored: services,
    });
  });
  return router;
}

function health(deps: MonitoringRouteDeps): unknown {
  const entries = deps.board.entries();
  const lastRun = Math.max(...entries.map(({ health: { last } }) => last?.startedAt ?? 0), 0);
  const heard = Object.entries(deps.watchdogs()).map(([name, fresh]) => [`watchdog:${name}`, fresh] as const);
  const dependencies = { ledger: deps.ledger.writable(), ...Object.fromEntries(heard) };
  return {
    status: Object.values(dependencies).every(Boolean) ? 'healthy' : 'degraded',
    service: 'tocsin',
    monitoring_node: deps.node(),
    services_monitored: new Set(entries.map(({ service }) => service.name)).size,
    last_check: lastRun === 0 ? null : rfc3339(lastRun),
    alerts_count: alertSentences(entries.map(checkView)).length,
    dependencies,
    timestamp: rfc3339(deps.now()),
  };
}
