import type { Config } from '../config/types.ts';
import type { Clock, MonotonicMs } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import type { LastRun, Ledger } from '../ledger/ledger.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import type { EvaluateCel } from '../probes/http/rules/cel-judge.ts';
import { CelThread } from '../probes/http/rules/cel-thread.ts';
import { LoopWatch } from '../probes/loop-watch.ts';
import { Addresses } from '../checks/address-targets.ts';
import type { Lifecycle } from './lifecycle.ts';
import { Monitor } from '../checks/check-runner.ts';
import type { Storage } from './storage.ts';
import { TargetsFiles } from '../checks/file-targets.ts';

export interface WatchingOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly self: SelfMetrics;
  readonly storage: Storage;
  readonly table: SeriesTable;
  /** The folder of the built code. */
  readonly codeUrl: URL;
}

/** The checks of the configured services. */
export interface Watching {
  readonly monitor: Monitor;
  /** As `runProbe` takes them. */
  readonly runs: {
    readonly stalledMs: (since: MonotonicMs) => number;
    readonly evaluateCel: EvaluateCel;
  };
  /** Applies the services of this configuration, and of the targets files that it names. Cannot fail. */
  readonly configure: (config: Config) => void;
}

/** Prepares the checks, with their last results from the ledger; `configure` starts them. */
export async function startWatching(options: WatchingOptions): Promise<Watching> {
  const { config, clock, logger, lifecycle, self, storage, table } = options;
  const loop = new LoopWatch({ clock, logger });
  lifecycle.onStop('loop watch', () => loop.stop());
  const stalledMs = (since: MonotonicMs) => loop.longestSince(since);
  const cel = new CelThread(options);
  lifecycle.onStop('CEL thread', () => cel.stop());
  const runs = { stalledMs, evaluateCel: cel.evaluate };
  const addresses = new Addresses({ clock, logger, onChange: () => watch() });
  lifecycle.onStop('addresses', () => addresses.stop());
  let native = false;
  const monitor = new Monitor(
    {
      clock,
      logger,
      resolverFor: (service, target) => addresses.resolverFor(service, target),
      table,
      outbox: storage.outbox,
      ...runs,
      past: await pastRuns(storage.ledger, config, options),
      onLateness: (seconds) => self.schedule.late(seconds),
      onShed: (runs) => self.schedule.shed(runs),
      native: () => native,
    },
    config.scheduler,
  );
  lifecycle.onStop('probes', (signal) => monitor.stop(signal));
  let caps = config.scheduler;
  const watch = () => monitor.configure(addresses.services(), caps);
  const apply = () => {
    addresses.configure(files.services());
    watch();
  };
  const files = new TargetsFiles({ clock, logger, table, onChange: apply });
  lifecycle.onStop('targets files', () => files.stop());
  const configure = (next: Config) => {
    caps = next.scheduler;
    native = next.metrics.histograms === 'both';
    files.configure(next.services);
    apply();
  };
  return { monitor, runs, configure };
}

/**
 * Last results that are recent enough to be exposed. If the ledger cannot return them, every check starts without a
 * result.
 */
async function pastRuns(
  ledger: Ledger,
  config: Config,
  { clock, logger }: Pick<WatchingOptions, 'clock' | 'logger'>,
): Promise<readonly LastRun[]> {
  const reach = config.services.map(({ intervalMs, timeoutMs }) => 3 * intervalMs + timeoutMs);
  const oldest = reach.reduce((most, one) => Math.max(most, one), 90_000);
  try {
    return await ledger.lastRuns(clock.now() - oldest);
  } catch (error) {
    logger.warn({ error: String(error) }, 'the last results could not be read; starting without them');
    return [];
  }
}
