import { Router, type Request, type Response } from 'express';
import type { EpochMs } from '../../domain/clock.ts';
import type { LabelSet } from '../../domain/labels.ts';
import type { HealthBoard } from '../../checks/health/board.ts';
import { snapshotText } from '../../checks/health/cluster-snapshot.ts';
import type { HostStats } from '../../host/stats.ts';
import { rfc3339 } from '../../checks/health/run-view.ts';
import type { ServiceApiViews } from '../../checks/health/service-api-views.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { Query, rejectParameters } from '../query.ts';
import { commaSeparated } from '../reads/chunks.ts';
import type { ReadResponder } from '../reads/read-responder.ts';
import { criticalAlerts, countOpenCritical } from './critical-alerts.ts';
import { historyChunks } from './history.ts';

export interface MonitoringRouteDeps {
  readonly board: Pick<HealthBoard, 'cluster'>;
  readonly services: ServiceApiViews;
  readonly ledger: Pick<Ledger, 'events' | 'alerts' | 'summary' | 'writable'>;
  readonly reads: ReadResponder;
  /** Whether each watchdog is alive, by its name. */
  readonly watchdogs: () => Readonly<Record<string, boolean>>;
  /** Whether an alert is a watchdog, which always fires. */
  readonly isWatchdog: (labels: LabelSet) => boolean;
  readonly node: () => string;
  readonly now: () => EpochMs;
  /** When Tocsin started. */
  readonly startedAt: EpochMs;
  readonly hostStats: () => HostStats;
}

const MAX_HISTORY = 1_000;

/** The monitoring paths for clients of older dashboards: the verdict is in the body, the status is always 200. */
export function createMonitoringRoute(deps: MonitoringRouteDeps): Router {
  const { reads, services } = deps;
  const router = Router().use(['/cluster_health', '/health', '/alerts', '/history', '/stats'], reads.guard);
  const uptime = () => (deps.now() - deps.startedAt) / 1_000;
  const get = (path: string, answer: (response: Response) => Promise<void>) =>
    router.get(path, async (request: Request, response: Response) => {
      if (!rejectParameters(request, response)) await answer(response);
    });
  get('/cluster_health', (response) =>
    reads.sharedText(response, 'cluster_health', () => clusterText(deps, uptime())),
  );
  get('/health', (response) => reads.json(response, health(deps)));
  get('/alerts', async (response) => {
    const { messages, isCut } = await criticalAlerts(deps);
    const alerts = [...services.alertMessages(), ...messages];
    const tail = { count: alerts.length, truncated: isCut, timestamp: rfc3339(deps.now()) };
    await reads.sharedText(response, JSON.stringify(['alerts', tail]), () => alertsText(alerts, tail));
  });
  router.get('/history', async (request, response) => {
    const query = new Query(request);
    const limit = query.integer('limit', { min: 1, max: MAX_HISTORY, fallback: 100 });
    const shown = query.oneOf('services', ['changed', 'all']) ?? 'changed';
    if (query.respondIfInvalid(response)) return;
    const options = { current: services.all(), startedAt: deps.startedAt, services: shown };
    await reads.stream(response, historyChunks(deps, { limit, options }));
  });
  get('/stats', (response) => {
    const { cpu_percent, memory, disk } = deps.hostStats();
    const names = [...services.all().keys()];
    const stats = { cpu_percent, memory, disk, monitoring_uptime: uptime(), services_monitored: names };
    return reads.json(response, stats);
  });
  return router;
}

function* clusterText(deps: MonitoringRouteDeps, uptimeSeconds: number): Generator<string, undefined> {
  const services = [...deps.services.all()];
  yield* snapshotText(texts(services), {
    now: deps.now(),
    uptimeSeconds,
    host: deps.hostStats(),
    cluster: deps.board.cluster(),
    totalServices: services.length,
    alerts: deps.services.alertMessages(),
  });
  yield '\n';
}

/** Lazily, so that each text is created in its turn. */
function* texts(services: Iterable<readonly [string, { readonly view: string }]>) {
  for (const [name, service] of services) yield [name, service.view] as const;
}

function* alertsText(alerts: readonly string[], tail: object): Generator<string, undefined> {
  yield '{"alerts":[';
  yield* commaSeparated(alerts.map((alert) => JSON.stringify(alert)));
  yield `],${JSON.stringify(tail).slice(1)}\n`;
}

function health({ services, ledger, watchdogs, node, now }: MonitoringRouteDeps): unknown {
  let lastRun = 0;
  for (const { entries } of services.all().values()) {
    for (const { health } of entries) lastRun = Math.max(lastRun, health.last?.startedAt ?? 0);
  }
  const watchdogStates = Object.entries(watchdogs()).map(
    ([name, fresh]) => [`watchdog:${name}`, fresh] as const,
  );
  const dependencies = { ledger: ledger.writable(), ...Object.fromEntries(watchdogStates) };
  return {
    status: Object.values(dependencies).every(Boolean) ? 'healthy' : 'degraded',
    service: 'tocsin',
    monitoring_node: node(),
    services_monitored: services.all().size,
    last_check: lastRun === 0 ? null : rfc3339(lastRun),
    alerts_count: services.alertMessages().length + countOpenCritical(ledger),
    dependencies,
    timestamp: rfc3339(now()),
  };
}
