import { parseDelivery } from '../alerts/parse-delivery.ts';
import type { Config } from '../config/types.ts';
import type { Clock, EpochMs, MonotonicMs } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { ScrapeGate } from '../http/scrape-gate.ts';
import { isWatchdog } from '../alerts/watchdog.ts';
import type { ScrapeSource } from '../exposition/render/scrape-source.ts';
import { ServiceApiViews } from '../checks/health/service-api-views.ts';
import type { HostStats } from '../host/stats.ts';
import {
  guardChange,
  guardHost,
  guardPage,
  guardProbe,
  guardRead,
  presentsToken,
} from '../http/middleware/access.ts';
import { clientAddress, type AddressedRequest } from '../http/middleware/client-address.ts';
import { guardBelow, requireGuards } from '../http/guard.ts';
import { measureRequests } from '../http/middleware/measure.ts';
import { createConfigRoute } from '../http/routes/config.ts';
import { BodyBudget } from '../http/body-budget.ts';
import { createAcknowledgeRoute } from '../http/routes/acknowledge.ts';
import { createAlertPageRoute } from '../http/routes/alert-page.ts';
import { createLandingRoute } from '../http/routes/landing.ts';
import { createLedgerRoute } from '../http/routes/ledger.ts';
import { createLifecycleRoute, type ReloadResult } from '../http/routes/lifecycle.ts';
import { createMetricsRoute } from '../http/routes/metrics.ts';
import { createMonitoringRoute } from '../http/routes/monitoring.ts';
import { createProbeRoute } from '../http/routes/probe.ts';
import { createQuarantineRoute } from '../http/routes/quarantine.ts';
import { createSinksRoute } from '../http/routes/sinks.ts';
import { createServicesRoute } from '../http/routes/services.ts';
import { createWebhookRoute } from '../http/routes/webhooks.ts';
import type { Handler } from '../http/server.ts';
import type { IntakeResult, Ledger } from '../ledger/ledger.ts';
import type { DeliveryOutcome } from '../metrics/self/alerts.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import type { EvaluateCel } from '../probes/http/rules/cel-judge.ts';
import type { Clients } from './clients.ts';
import type { EventDelivery } from './event-delivery.ts';
import type { CheckRunner } from '../checks/check-runner.ts';
import type { Listener } from '../probes/endpoint/own-listener.ts';
import { createProbeEndpoint } from './probe-endpoint.ts';

export interface RouteDeps {
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly selfMetrics: SelfMetrics;
  readonly ledger: Ledger;
  readonly eventDelivery: EventDelivery;
  readonly checkRunner: CheckRunner;
  /** Whether each watchdog is alive, by its name. */
  readonly watchdogs: () => Readonly<Record<string, boolean>>;
  readonly clients: Clients;
  readonly gate: ScrapeGate;
  readonly scrapeSource: ScrapeSource;
  readonly hostStats: () => HostStats;
  /** As `runProbe` takes it. */
  readonly stalledMs: (since: MonotonicMs) => number;
  /** Where the server of these routes listens; undefined before that. */
  readonly listener: () => Listener | undefined;
  readonly evaluateCel: EvaluateCel;
  readonly reload: () => ReloadResult;
  readonly draining: () => boolean;
}

/** The most bytes of deliveries held at a time; one of `server.max_body` is always accepted. */
const MAX_BODY_BYTES = 96 * 2 ** 20;
/** The same for deliveries whose sender is not authenticated yet: anyone can fill this much memory. */
const MAX_UNAUTHENTICATED_BYTES = 32 * 2 ** 20;

/** Every route, in the order in which they are matched; each states its guard. */
export function createRoutes(deps: RouteDeps): readonly Handler[] {
  const { config, clock, selfMetrics, ledger } = deps;
  const server = () => config().server;
  const now = () => clock.now();
  const monotonic = () => clock.monotonic();
  const { reads } = deps.clients;
  const address = (request: AddressedRequest) => clientAddress(request, server().trustedProxies);
  return requireGuards([
    measureRequests((measurement) => selfMetrics.http.observe(measurement)),
    // the most frequent requests first
    ...scrapeRoutes(deps, address),
    createLifecycleRoute({
      server,
      notReady: () => reasonsNotReady(deps),
      reload: () => Promise.resolve(deps.reload()),
    }),
    createWebhookRoute({
      server,
      webhooks: () => config().webhooks,
      ledger,
      now,
      budget: new BodyBudget({
        max: () => Math.max(MAX_BODY_BYTES, server().maxBodyBytes),
        monotonic,
        fair: false,
      }),
      unauthenticatedBudget: new BodyBudget({ max: () => MAX_UNAUTHENTICATED_BYTES, monotonic, fair: true }),
      clientAddress: address,
      onDelivery: (webhook, outcome, intake) => countDelivery(selfMetrics, { webhook, outcome }, intake),
      onRefused: (webhook, from) => deps.clients.rejectedDeliveriesLog.record(webhook, from),
    }),
    // before the guard: routes for programs on other machines, or with rules of their own
    guardHost(server),
    createLandingRoute(deps.version),
    createAcknowledgeRoute({ ledger, now, guard: guardChange('ack', server) }),
    createQuarantineRoute({
      ledger,
      reads,
      now,
      read: guardRead('read', server),
      guard: guardChange('admin', server),
      parse: parseDelivery,
      onDelivery: (webhook, intake) =>
        countDelivery(selfMetrics, { webhook, outcome: intake.outcome }, intake),
    }),
    createAlertPageRoute({ ledger, reads, guard: guardPage(server) }),
    ...readRoutes(deps, now),
  ]);
}

/** Routes that read, with a place for each request. */
function readRoutes(deps: RouteDeps, now: () => EpochMs): Handler[] {
  const { config, ledger } = deps;
  const { reads } = deps.clients;
  const { board } = deps.checkRunner;
  const server = () => config().server;
  const services = new ServiceApiViews(board);
  return [
    deps.eventDelivery.streams.router,
    createMonitoringRoute({
      board,
      services,
      ledger,
      reads,
      watchdogs: deps.watchdogs,
      isWatchdog: (labels) => config().watchdogs.some((one) => isWatchdog(one, labels)),
      now,
      node: () => server().node,
      startedAt: now(),
      hostStats: deps.hostStats,
    }),
    createServicesRoute({ services, ledger, reads, now }),
    createLedgerRoute({ ledger, reads }),
    createSinksRoute({ sinks: deps.eventDelivery.sinks, ledger, reads }),
    createConfigRoute(() => config().redacted(), reads),
    // unknown paths of the API require read access, too
    guardBelow('/api/v1', reads.authorize),
  ];
}

/** The routes that Prometheus scrapes. */
function scrapeRoutes(deps: RouteDeps, clientAddressOf: (request: AddressedRequest) => string): Handler[] {
  const { config, clock, logger, selfMetrics, gate, scrapeSource, clients } = deps;
  const { connections, rejectedClientsLog, sendBuffers, clientDisconnects } = clients;
  const server = () => config().server;
  const probes = createProbeEndpoint(deps);
  return [
    createProbeRoute({
      guard: guardProbe(server),
      clientOf: (request) => {
        const from = clientAddressOf(request);
        return {
          address: from,
          authenticated: config().metrics.trusted.has(from) || presentsToken(request, server()),
        };
      },
      answer: (question, client, signal) => probes.handle(question, client, signal),
    }),
    createMetricsRoute({
      guard: guardRead('metrics', server),
      gate,
      source: scrapeSource,
      meter: selfMetrics.scrapes,
      clientAddress: clientAddressOf,
      compression: () => config().metrics.compression,
      sendMs: () => server().requestTimeoutMs,
      sendBuffers,
      clientDisconnects,
      connections,
      rejectedClientsLog,
      clock,
      logger,
    }),
  ];
}

function reasonsNotReady({ draining, ledger }: RouteDeps): string[] {
  const obstacle = ledger.unwritableReason();
  return [
    ...(draining() ? ['shutting down'] : []),
    ...(obstacle === undefined ? [] : [`the ledger cannot be written: ${obstacle}`]),
  ];
}

interface Delivery {
  readonly webhook: string;
  readonly outcome: DeliveryOutcome;
}

function countDelivery(
  selfMetrics: SelfMetrics,
  { webhook, outcome }: Delivery,
  intake: IntakeResult | undefined,
): void {
  selfMetrics.webhooks.delivery(webhook, outcome);
  if (intake === undefined || intake.outcome === 'malformed') return;
  selfMetrics.webhooks.alerts(webhook, 'accepted', intake.accepted);
  selfMetrics.webhooks.alerts(webhook, 'duplicate', intake.duplicates);
  selfMetrics.webhooks.alerts(webhook, 'quarantined', intake.quarantined);
  selfMetrics.alerts.transitions(intake.transitions);
  for (const seconds of intake.lagSeconds) selfMetrics.alerts.lag(seconds);
}
