import type { Config } from '../config/types.ts';
import type { Clock, MonotonicMs } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import type { LastRun, Ledger } from '../ledger/ledger.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import type { EvaluateCel } from '../probes/http/rules/cel-judge.ts';
import { CelThread } from '../probes/http/rules/cel-thread.ts';
import { EventLoopMonitor } from '../probes/event-loop-monitor.ts';
import { AddressTargets } from '../checks/address-targets.ts';
import type { Lifecycle } from './lifecycle.ts';
import { CheckRunner } from '../checks/check-runner.ts';
import type { Storage } from './storage.ts';
import { FileTargets } from '../checks/file-targets.ts';

export interface ChecksOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly selfMetrics: SelfMetrics;
  readonly storage: Storage;
  readonly table: SeriesTable;
  /** The folder of the built code. */
  readonly codeUrl: URL;
}

/** The checks of the configured services. */
export interface Checks {
  readonly checkRunner: CheckRunner;
  /** As `runProbe` takes them. */
  readonly runOptions: {
    readonly stalledMs: (since: MonotonicMs) => number;
    readonly evaluateCel: EvaluateCel;
  };
  /** Applies the services of this configuration, and of the targets files that it names. Cannot fail. */
  readonly configure: (config: Config) => void;
}

/** Prepares the checks, with their last results from the ledger; `configure` starts them. */
export async function startChecks(options: ChecksOptions): Promise<Checks> {
  const { config, clock, logger, lifecycle, selfMetrics, storage, table } = options;
  const eventLoop = new EventLoopMonitor({ clock, logger });
  lifecycle.onStop('loop watch', () => eventLoop.stop());
  const stalledMs = (since: MonotonicMs) => eventLoop.longestStallSince(since);
  const cel = new CelThread(options);
  lifecycle.onStop('CEL thread', () => cel.stop());
  const runOptions = { stalledMs, evaluateCel: cel.evaluate };
  const addressTargets = new AddressTargets({ clock, logger, onChange: () => applyTargets() });
  lifecycle.onStop('addresses', () => addressTargets.stop());
  let native = false;
  const checkRunner = new CheckRunner(
    {
      clock,
      logger,
      resolverFor: (service, target) => addressTargets.resolverFor(service, target),
      table,
      outbox: storage.outbox,
      ...runOptions,
      lastRuns: await lastRunsBeforeStart(storage.ledger, config, options),
      onLateness: (seconds) => selfMetrics.schedule.late(seconds),
      onSkipped: (runs) => selfMetrics.schedule.skipped(runs),
      nativeHistograms: () => native,
    },
    config.scheduler,
  );
  lifecycle.onStop('probes', (signal) => checkRunner.stop(signal));
  let caps = config.scheduler;
  const applyTargets = () => checkRunner.configure(addressTargets.services(), caps);
  const applyServices = () => {
    addressTargets.configure(fileTargets.services());
    applyTargets();
  };
  const fileTargets = new FileTargets({ clock, logger, table, onChange: applyServices });
  lifecycle.onStop('targets files', () => fileTargets.stop());
  const configure = (next: Config) => {
    caps = next.scheduler;
    native = next.metrics.histograms === 'both';
    fileTargets.configure(next.services);
    applyServices();
  };
  return { checkRunner, runOptions, configure };
}

/**
 * Last results that are recent enough to be exposed. If the ledger cannot return them, every check starts without a
 * result.
 */
async function lastRunsBeforeStart(
  ledger: Ledger,
  config: Config,
  { clock, logger }: Pick<ChecksOptions, 'clock' | 'logger'>,
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
