import type { Config, ConfigResult, MetricsConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { SeriesBudget } from '../exposition/table/series-budget.ts';
import type { ScrapeCollector } from '../exposition/render/collectors.ts';
import { ScrapeGate, type ScrapeGateLimits } from '../http/scrape-gate.ts';
import { ScrapeSource } from '../exposition/render/scrape-source.ts';
import { SeriesTable } from '../exposition/table/series-table.ts';
import { ListenError, startHttpServer, type HttpServer } from '../http/server.ts';
import { LedgerStartError } from '../ledger/ledger.ts';
import { createSelfMetrics, type SelfMetrics } from '../metrics/self/self-metrics.ts';
import { createClients } from './clients.ts';
import { createEventDelivery, type EventDelivery } from './event-delivery.ts';
import { startPipeline, type Pipeline } from './pipeline.ts';
import { startHost } from './host.ts';
import { Lifecycle } from './lifecycle.ts';
import { startLogging, type LogSettings } from './logging.ts';
import type { CheckRunner } from '../checks/check-runner.ts';
import { warnOfModules } from './probe-endpoint.ts';
import { Reloader, type ReloadResult } from './reload.ts';
import { warnOfReplays } from './replay-warnings.ts';
import { createRoutes } from './routes.ts';
import { alertRules, openStorage, type Storage } from './storage.ts';
import { readVersion } from './version.ts';
import { startChecks, type Checks } from './checks.ts';

export interface AppOptions {
  readonly config: Config;
  /** Reads the configuration again, for a reload. */
  readonly readConfig: () => ConfigResult;
  readonly clock: Clock;
  /** The folder of the built code: threads and children are started from there. */
  readonly codeUrl: URL;
  readonly nodeVersion: string;
  readonly log: LogSettings;
}

/** Tocsin cannot start and a person must change something; the message says what. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** A running Tocsin. */
export interface App {
  /** The URL that it listens on, such as `http://127.0.0.1:10464`. */
  readonly url: string;
  readonly logger: Logger;
  reload(): ReloadResult;
  /** Drains and stops everything, within a time budget. */
  stop(): Promise<void>;
}

/** What every part needs, created first. */
interface CoreServices extends AppOptions {
  readonly version: string;
  readonly selfMetrics: SelfMetrics;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

const STOP_BUDGET_MS = 10_000;

/**
 * Starts everything; a start that fails half-way is undone. Rejects with `StartError` where a person must change
 * something.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const { clock, codeUrl, nodeVersion } = options;
  const version = readVersion(codeUrl);
  const selfMetrics = createSelfMetrics({ version, node: nodeVersion });
  const logger = await startLogging(options.log, clock, selfMetrics);
  const lifecycle = new Lifecycle({ clock, logger, budgetMs: STOP_BUDGET_MS });
  try {
    return await wire({ ...options, version, selfMetrics, logger, lifecycle });
  } catch (error) {
    await lifecycle.stop();
    const expected = error instanceof ListenError || error instanceof LedgerStartError;
    throw expected ? new StartError(error.message, { cause: error }) : error;
  }
}

/** The wiring, in the order in which the parts are created; they stop in the reverse order. */
async function wire(core: CoreServices): Promise<App> {
  const { config, clock, logger, lifecycle, selfMetrics, version } = core;
  const storage = await openStorage(core);
  const clients = createClients({ ...core, config: () => reloader.current });
  const eventDelivery = createEventDelivery({ ...core, ledger: storage.ledger, clients });
  const budget = new SeriesBudget(config.metrics);
  const table = new SeriesTable({ budget, onDropped: (family) => selfMetrics.seriesDropped(family) });
  table.declare(selfMetrics.families);
  const { collectors, stats: hostStats } = startHost({ ...core, config: config.host, table });
  const checks = await startChecks({ ...core, storage, table });
  const { checkRunner } = checks;
  const pipeline = startPipeline({ ...core, storage });
  const gate = new ScrapeGate(scrapeGateLimits(config.metrics), { monotonic: () => clock.monotonic() });
  const reloader = createReloader(core, { storage, eventDelivery, checks, pipeline, gate, budget });
  const source = createScrapeSource(core, { storage, eventDelivery, checks, reloader, table, collectors });
  const running: { draining: boolean; listener?: HttpServer['listener'] } = { draining: false };
  const handlers = createRoutes({
    ...core,
    config: () => reloader.current,
    ledger: storage.ledger,
    eventDelivery,
    checkRunner,
    watchdogs: pipeline.watchdogs,
    clients,
    gate,
    scrapeSource: source,
    hostStats,
    listener: () => running.listener,
    ...checks.runOptions,
    reload: () => reloader.reload(),
    draining: () => running.draining,
  });
  const server = await startHttpServer({
    config: config.server,
    logger,
    connections: clients.connections,
    handlers,
  });
  running.listener = server.listener;
  lifecycle.onStop('http server', (signal) => server.close(signal));
  lifecycle.onStop('event streams', () => eventDelivery.streams.close());
  checks.configure(config);
  eventDelivery.configure(config);
  pipeline.configure(config);
  logger.info(
    { url: server.url, version, services: config.services.length, ledger: config.store.path },
    'listening',
  );
  const stop = async () => {
    running.draining = true;
    logger.info({}, 'stopping');
    await lifecycle.stop();
    logger.info({}, 'stopped');
  };
  return { url: server.url, logger, reload: () => reloader.reload(), stop };
}

interface ScrapeSourceParts {
  readonly storage: Storage;
  readonly eventDelivery: EventDelivery;
  readonly checks: Checks;
  readonly reloader: Reloader;
  readonly table: SeriesTable;
  readonly collectors: readonly ScrapeCollector[];
}

function createScrapeSource(core: CoreServices, sources: ScrapeSourceParts): ScrapeSource {
  const { clock, logger, selfMetrics } = core;
  const { storage, eventDelivery, checks, reloader, table, collectors } = sources;
  return new ScrapeSource({
    table,
    collectors: [
      ...collectors,
      expiryCollector(checks.checkRunner, () => selfMetrics.scrapes.collected()),
      selfMetrics.collector(table, () => {
        selfMetrics.ledger(storage.ledger.summary(), storage.ledger.writable());
        eventDelivery.updateLag();
      }),
    ],
    clock,
    native: () => reloader.current.metrics.histograms === 'both',
    onCollectorFailure: (collector, error) =>
      logger.error(
        { collector, error: String(error) },
        'a collector failed because of a bug; please report it',
      ),
    onCoalesced: () => selfMetrics.scrapes.coalesced(),
    onRendered: (seconds) => selfMetrics.scrapes.rendered(seconds),
  });
}

interface ReloadableParts {
  readonly storage: Storage;
  readonly eventDelivery: EventDelivery;
  readonly checks: Checks;
  readonly pipeline: Pipeline;
  readonly gate: ScrapeGate;
  readonly budget: SeriesBudget;
}

function createReloader(core: CoreServices, parts: ReloadableParts): Reloader {
  const { clock, logger, selfMetrics, config } = core;
  const { storage, eventDelivery, checks, pipeline, gate, budget } = parts;
  const declare = (of: Config) => of.webhooks.forEach(({ name }) => selfMetrics.webhooks.declare(name));
  const warn = (of: Config) => {
    warnOfModules(of, logger);
    warnOfReplays(of, logger);
  };
  const configureAlerts = (next: Config) =>
    storage.ledger
      .configure(alertRules(next))
      .catch((error: unknown) =>
        logger.error({ error: String(error) }, 'the ledger did not accept the new rules'),
      )
      .then(() => pipeline.configure(next));
  declare(config);
  warn(config);
  return new Reloader({
    initial: config,
    read: core.readConfig,
    steps: [
      { name: 'scrape limits', apply: (next) => gate.configure(scrapeGateLimits(next.metrics)) },
      { name: 'series budget', apply: (next) => budget.configure(next.metrics) },
      { name: 'webhook metrics', apply: declare },
      { name: 'alerts', apply: configureAlerts },
      { name: 'warnings', apply: warn },
      { name: 'checks', apply: (next) => checks.configure(next) },
      { name: 'event delivery', apply: (next) => eventDelivery.configure(next) },
    ],
    clock,
    logger,
    outbox: storage.outbox,
    selfMetrics,
  });
}

function scrapeGateLimits({ rateLimit, maxInFlight, trusted }: MetricsConfig): ScrapeGateLimits {
  return { ...rateLimit, maxInFlight, trusted };
}

/** Runs in each collection: expired values are not exposed. */
function expiryCollector(monitor: CheckRunner, onCollection: () => void) {
  const collect = () => {
    onCollection();
    monitor.expire();
  };
  return { name: 'checks', collect, leaveOut: () => undefined };
}
