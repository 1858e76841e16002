import type { Config, ConfigResult, MetricsConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { Gate, type GateLimits } from '../exposition/gate.ts';
import { SnapshotSource } from '../exposition/snapshot.ts';
import { SeriesTable } from '../exposition/table.ts';
import { ListenError, startHttpServer } from '../http/server.ts';
import { LedgerStartError } from '../ledger/ledger.ts';
import { createSelfMetrics, type SelfMetrics } from '../metrics/self.ts';
import { createResolver } from '../probes/net/resolver.ts';
import { startHost } from './host.ts';
import { Lifecycle } from './lifecycle.ts';
import { startLogging, type LogSettings } from './logging.ts';
import { Monitor } from './monitor.ts';
import { Reloader, type ReloadResult } from './reload.ts';
import { createRoutes } from './routes.ts';
import { openStorage, type Storage } from './storage.ts';
import { readVersion } from './version.ts';

export interface AppOptions {
  readonly config: Config;
  /** Reads the configuration anew, for a reload. */
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

/** A Tocsin that runs. */
export interface App {
  /** Where it listens, such as `http://127.0.0.1:10464`. */
  readonly url: string;
  readonly logger: Logger;
  reload(): ReloadResult;
  /** Drains and stops everything, within a time budget. */
  stop(): Promise<void>;
}

/** What everything is made of, made first. */
interface Ground extends AppOptions {
  readonly version: string;
  readonly self: SelfMetrics;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
}

const STOP_BUDGET_MS = 10_000;

/** Starts everything; what fails half-way is undone. Rejects with `StartError` where a person must change something. */
export async function startApp(options: AppOptions): Promise<App> {
  const { clock, codeUrl, nodeVersion } = options;
  const version = readVersion(codeUrl);
  const self = createSelfMetrics({ version, node: nodeVersion });
  const logger = startLogging(options.log, clock, (level) => self.logged(level));
  const lifecycle = new Lifecycle({ clock, logger, budgetMs: STOP_BUDGET_MS });
  try {
    return await wire({ ...options, version, self, logger, lifecycle });
  } catch (error) {
    await lifecycle.stop();
    const expected = error instanceof ListenError || error instanceof LedgerStartError;
    throw expected ? new StartError(error.message, { cause: error }) : error;
  }
}

/** The wiring, in the order in which the parts are made; they stop in the reverse order. */
async function wire(ground: Ground): Promise<App> {
  const { config, clock, logger, lifecycle, self, version } = ground;
  const storage = await openStorage(ground);
  const table = new SeriesTable({
    reserved: self.families,
    onDropped: (family) => self.seriesDropped(family),
  });
  const host = startHost({ ...ground, config: config.host, table });
  const monitor = startMonitor(ground, storage, table);
  const gate = new Gate(gateLimits(config.metrics), { monotonic: () => clock.monotonic() });
  const reloader = createReloader(ground, { storage, monitor, gate });
  const source = new SnapshotSource({
    table,
    collectors: [...host.collectors, expiry(monitor)],
    extra: (names) => {
      self.ledger(storage.ledger.summary(), storage.ledger.writable());
      return self.render(names);
    },
    clock,
    onCollectorFailure: (collector, error) =>
      logger.error({ collector, error: String(error) }, 'a collector failed by mistake'),
    onCoalesced: () => self.scrapes.coalesced(),
    onRendered: (seconds) => self.scrapes.rendered(seconds),
  });
  let draining = false;
  const handlers = createRoutes({
    config: () => reloader.current,
    clock,
    logger,
    version,
    self,
    ledger: storage.ledger,
    monitor,
    gate,
    source,
    hostStats: host.stats,
    reload: () => reloader.reload(),
    draining: () => draining,
  });
  const server = await startHttpServer({ config: config.server, logger, handlers });
  lifecycle.onStop('http server', (signal) => server.close(signal));
  monitor.configure(config.services, config.scheduler);
  logger.info(
    { url: server.url, version, services: config.services.length, ledger: config.store.path },
    'listening',
  );
  const stop = async () => {
    draining = true;
    logger.info({}, 'stopping');
    await lifecycle.stop();
    logger.info({}, 'stopped');
  };
  return { url: server.url, logger, reload: () => reloader.reload(), stop };
}

function startMonitor(ground: Ground, storage: Storage, table: SeriesTable): Monitor {
  const { config, clock, logger, lifecycle, self } = ground;
  const resolver = createResolver({ monotonic: () => clock.monotonic() });
  const monitor = new Monitor(
    {
      clock,
      logger,
      resolver,
      table,
      outbox: storage.outbox,
      onLateness: (seconds) => self.schedule.late(seconds),
      onShed: () => self.schedule.shed(),
    },
    config.scheduler,
  );
  lifecycle.onStop('probes', (signal) => monitor.stop(signal));
  return monitor;
}

interface Reloadable {
  readonly storage: Storage;
  readonly monitor: Monitor;
  readonly gate: Gate;
}

function createReloader(ground: Ground, { storage, monitor, gate }: Reloadable): Reloader {
  const { clock, logger, self, config } = ground;
  const declare = (of: Config) => of.webhooks.forEach(({ name }) => self.webhooks.declare(name));
  declare(config);
  return new Reloader({
    initial: config,
    read: ground.readConfig,
    swap: (next) => {
      gate.configure(gateLimits(next.metrics));
      declare(next);
      monitor.configure(next.services, next.scheduler);
    },
    clock,
    logger,
    outbox: storage.outbox,
    self,
  });
}

function gateLimits({ rateLimit, maxInFlight, trusted }: MetricsConfig): GateLimits {
  return { ...rateLimit, maxInFlight, trusted };
}

/** Before each scrape: nothing that is too old is shown. */
function expiry(monitor: Monitor) {
  return { name: 'checks', collect: () => monitor.expire(), leaveOut: () => undefined };
}
