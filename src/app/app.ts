import type { Config, ConfigResult, MetricsConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { SeriesBudget } from '../exposition/table/series-budget.ts';
import type { ScrapeCollector } from '../exposition/render/collectors.ts';
import { Gate, type GateLimits } from '../http/scrape-gate.ts';
import { ScrapeSource } from '../exposition/render/scrape-source.ts';
import { SeriesTable } from '../exposition/table/series-table.ts';
import { ListenError, startHttpServer, type HttpServer } from '../http/server.ts';
import { LedgerStartError } from '../ledger/ledger.ts';
import { createSelfMetrics, type SelfMetrics } from '../metrics/self/self-metrics.ts';
import { createClients } from './clients.ts';
import { createFeed, type Feed } from './event-delivery.ts';
import { startHonesty, type Honesty } from './pipeline.ts';
import { startHost } from './host.ts';
import { Lifecycle } from './lifecycle.ts';
import { startLogging, type LogSettings } from './logging.ts';
import type { Monitor } from '../checks/check-runner.ts';
import { warnOfModules } from './probe-endpoint.ts';
import { Reloader, type ReloadResult } from './reload.ts';
import { warnOfReplays } from './replay-warnings.ts';
import { createRoutes } from './routes.ts';
import { alertRules, openStorage, type Storage } from './storage.ts';
import { readVersion } from './version.ts';
import { startWatching, type Watching } from './checks.ts';

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
interface Ground extends AppOptions {
  readonly version: string;
  readonly self: SelfMetrics;
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
  const self = createSelfMetrics({ version, node: nodeVersion });
  const logger = await startLogging(options.log, clock, self);
  const lifecycle = new Lifecycle({ clock, logger, budgetMs: STOP_BUDGET_MS });
  try {
    return await wire({ ...options, version, self, logger, lifecycle });
  } catch (error) {
    await lifecycle.stop();
    const expected = error instanceof ListenError || error instanceof LedgerStartError;
    throw expected ? new StartError(error.message, { cause: error }) : error;
  }
}

/** The wiring, in the order in which the parts are created; they stop in the reverse order. */
async function wire(ground: Ground): Promise<App> {
  const { config, clock, logger, lifecycle, self, version } = ground;
  const storage = await openStorage(ground);
  const clients = createClients({ ...ground, config: () => reloader.current });
  const feed = createFeed({ ...ground, ledger: storage.ledger, clients });
  const budget = new SeriesBudget(config.metrics);
  const table = new SeriesTable({ budget, onDropped: (family) => self.seriesDropped(family) });
  table.declare(self.families);
  const host = startHost({ ...ground, config: config.host, table });
  const watching = await startWatching({ ...ground, storage, table });
  const { monitor } = watching;
  const honesty = startHonesty({ ...ground, storage });
  const gate = new Gate(gateLimits(config.metrics), { monotonic: () => clock.monotonic() });
  const reloader = createReloader(ground, { storage, feed, watching, honesty, gate, budget });
  const source = createSource(ground, { storage, feed, watching, reloader, table, host: host.collectors });
  const running: { draining: boolean; listener?: HttpServer['listener'] } = { draining: false };
  const handlers = createRoutes({
    config: () => reloader.current,
    clock,
    logger,
    version,
    self,
    ledger: storage.ledger,
    feed,
    monitor,
    watchdogs: honesty.watchdogs,
    clients,
    gate,
    source,
    hostStats: host.stats,
    listener: () => running.listener,
    ...watching.runs,
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
  lifecycle.onStop('event streams', () => feed.streams.close());
  watching.configure(config);
  feed.configure(config);
  honesty.configure(config);
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

interface Sources {
  readonly storage: Storage;
  readonly feed: Feed;
  readonly watching: Watching;
  readonly reloader: Reloader;
  readonly table: SeriesTable;
  readonly host: readonly ScrapeCollector[];
}

function createSource(ground: Ground, sources: Sources): ScrapeSource {
  const { clock, logger, self } = ground;
  const { storage, feed, watching, reloader, table, host } = sources;
  return new ScrapeSource({
    table,
    collectors: [
      ...host,
      expiry(watching.monitor, () => self.scrapes.collected()),
      self.collector(table, () => {
        self.ledger(storage.ledger.summary(), storage.ledger.writable());
        feed.measure();
      }),
    ],
    clock,
    native: () => reloader.current.metrics.histograms === 'both',
    onCollectorFailure: (collector, error) =>
      logger.error(
        { collector, error: String(error) },
        'a collector failed because of a bug; please report it',
      ),
    onCoalesced: () => self.scrapes.coalesced(),
    onRendered: (seconds) => self.scrapes.rendered(seconds),
  });
}

interface Reloadable {
  readonly storage: Storage;
  readonly feed: Feed;
  readonly watching: Watching;
  readonly honesty: Honesty;
  readonly gate: Gate;
  readonly budget: SeriesBudget;
}

function createReloader(ground: Ground, parts: Reloadable): Reloader {
  const { clock, logger, self, config } = ground;
  const { storage, feed, watching, honesty, gate, budget } = parts;
  const declare = (of: Config) => of.webhooks.forEach(({ name }) => self.webhooks.declare(name));
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
      .then(() => honesty.configure(next));
  declare(config);
  warn(config);
  return new Reloader({
    initial: config,
    read: ground.readConfig,
    steps: [
      { name: 'scrape limits', apply: (next) => gate.configure(gateLimits(next.metrics)) },
      { name: 'series budget', apply: (next) => budget.configure(next.metrics) },
      { name: 'webhook metrics', apply: declare },
      { name: 'alerts', apply: configureAlerts },
      { name: 'warnings', apply: warn },
      { name: 'checks', apply: (next) => watching.configure(next) },
      { name: 'event delivery', apply: (next) => feed.configure(next) },
    ],
    clock,
    logger,
    outbox: storage.outbox,
    self,
  });
}

function gateLimits({ rateLimit, maxInFlight, trusted }: MetricsConfig): GateLimits {
  return { ...rateLimit, maxInFlight, trusted };
}

/** Runs in each collection: expired values are not exposed. */
function expiry(monitor: Monitor, onCollection: () => void) {
  const collect = () => {
    onCollection();
    monitor.expire();
  };
  return { name: 'checks', collect, leaveOut: () => undefined };
}
