import type { ConfiguredService, SchedulerConfig } from '../config/types.ts';
import type { CancelSignal } from '../domain/cancellation.ts';
import { PeriodicTask, type Clock, type MonotonicMs } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Result } from '../domain/result.ts';
import type { Target } from '../domain/service.ts';
import { checkKey, checkLabels } from '../domain/service.ts';
import type { Outbox } from '../events/outbox.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import { HealthBoard, type StateChange } from './health/board.ts';
import { checkChangeEvent, clusterChangeEvent } from './health/change-event.ts';
import { nextDelayMs } from './health/check-health.ts';
import { restoreHealth, storeHealth } from './health/stored-health.ts';
import type { LastRun } from '../ledger/ledger.ts';
import { CheckMetrics, ClusterMetrics } from '../metrics/check-metrics.ts';
import { sample } from '../metrics/family.ts';
import { PROBE_DURATION } from '../probes/families.ts';
import type { EvaluateCel } from '../probes/http/rules/cel-judge.ts';
import type { Resolver } from '../probes/net/resolver.ts';
import type { RunResult } from '../probes/prober.ts';
import { runProbe } from '../probes/run.ts';
import type { SchedulableCheck } from './scheduler/plan.ts';
import { Scheduler } from './scheduler/scheduler.ts';

/** A check as it is scheduled. */
interface Check extends SchedulableCheck {
  readonly service: ConfiguredService;
  readonly target: Target;
}

interface CheckSeries {
  readonly metrics: CheckMetrics;
  /** What its labels are derived from: when it changes, the check gets new series. */
  readonly identity: string;
}

export interface CheckRunnerOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resolverFor: (service: ConfiguredService, target: Target) => Resolver;
  readonly table: SeriesTable;
  readonly outbox: Outbox;
  /** The longest time (ms) for which the event loop was blocked since a monotonic time. */
  readonly stalledMs: (since: MonotonicMs) => number;
  readonly evaluateCel: EvaluateCel;
  /** The last run of each check before this process began. */
  readonly lastRuns: readonly LastRun[];
  readonly onLateness: (seconds: number) => void;
  readonly onSkipped: (runs: number) => void;
  /** Whether scrapers read native histogram buckets, too. */
  readonly nativeHistograms: () => boolean;
}

const EXPIRY_MS = 5_000;
const SHED_LOG_MS = 60_000;

/** Runs the checks, and passes each result to the metrics, the board, the history and the events. */
export class CheckRunner {
  readonly board = new HealthBoard();
  readonly #options: CheckRunnerOptions;
  readonly #scheduler: Scheduler<Check>;
  readonly #cluster: ClusterMetrics;
  readonly #series = new Map<string, CheckSeries>();
  /** The last runs from before this process, until their checks are configured. */
  readonly #lastRuns: Map<string, LastRun>;
  #lastCluster = this.board.cluster();
  readonly #expiry: PeriodicTask;
  #skippedRuns = 0;

  constructor(options: CheckRunnerOptions, caps: SchedulerConfig) {
    this.#options = options;
    this.#lastRuns = new Map(options.lastRuns.map((run) => [checkKey(run.service, run.target), run]));
    this.#cluster = new ClusterMetrics(options.table);
    this.#scheduler = new Scheduler<Check>({
      clock: options.clock,
      caps,
      run: (check, signal) => this.#run(check, signal),
      onLateness: options.onLateness,
      onSkipped: (_, runs) => this.#logSkipped(runs),
    });
    this.#expiry = new PeriodicTask(options, 'expiry of results', EXPIRY_MS, () => this.expire()).start();
  }

  /** Replaces the services that are probed. Cannot fail. */
  configure(services: readonly ConfiguredService[], caps: SchedulerConfig): void {
    this.board.configure(services, this.#options.clock.now());
    const checks = services.flatMap((service) =>
      service.targets.map((target) => this.#toCheck(service, target)),
    );
    this.#updateSeries(checks);
    this.#lastCluster = this.board.cluster();
    this.#cluster.set(this.#lastCluster.state, this.#lastCluster.ratio);
    this.#scheduler.update(checks, caps);
  }

  /** Drops per-run values and states that are too old; also called before each collection. */
  expire(): void {
    for (const change of this.board.expire(this.#options.clock.now())) {
      this.#series.get(change.after.key)?.metrics.expire();
      this.#onStateChange(change);
    }
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#expiry.stop();
    await this.#scheduler.stop(signal);
  }

  /** Logged once a minute: when one run gets no place, many get none. */
  #logSkipped(runs: number): void {
    this.#options.onSkipped(runs);
    this.#skippedRuns += runs;
    if (this.#skippedRuns > runs) return;
    this.#options.clock.after(SHED_LOG_MS, () => {
      this.#options.logger.warn(
        { runs: this.#skippedRuns, seconds: SHED_LOG_MS / 1_000 },
        'runs were skipped: there are too many checks for scheduler.max_concurrency or max_per_host',
      );
      this.#skippedRuns = 0;
    });
  }

  #toCheck(service: ConfiguredService, target: Target): Check {
    const key = checkKey(service.name, target.label);
    const check = { key, host: target.host, intervalMs: service.intervalMs, service, target };
    const past = this.#lastRuns.get(key);
    if (past === undefined) return check;
    this.#lastRuns.delete(key);
    const health = restoreHealth(past.health, service.prober);
    if (health === undefined || !this.board.restore(key, health, this.#options.clock.now())) return check;
    const tookMs = (health.last?.durationSeconds ?? Infinity) * 1_000;
    return { ...check, resumes: { startedAt: past.at, wantedMs: nextDelayMs(health, service), tookMs } };
  }

  async #run(check: Check, signal: CancelSignal): Promise<number | undefined> {
    const { clock, resolverFor, stalledMs, evaluateCel } = this.#options;
    const { probe, timeoutMs } = check.service;
    const { target } = check;
    const resolver = resolverFor(check.service, target);
    const result = await runProbe({
      ...{ probe, target, timeoutMs, resolver, clock, stalledMs, evaluateCel, signal },
    });
    if (!signal.aborted) this.#record(check, result);
    const entry = this.board.entry(check.key);
    return entry && nextDelayMs(entry.health, check.service);
  }

  #record(check: Check, result: RunResult): void {
    this.#series.get(check.key)?.metrics.record(result, check.service.intervalMs);
    const change = this.board.record(check.key, withoutSamples(result));
    if (change === undefined) return;
    const { verdict } = result;
    const health = storeHealth(change.after.health, check.service.prober);
    this.#options.outbox.addRun({
      service: check.service.name,
      target: check.target.label,
      at: result.startedAt,
      status: verdict.status,
      durationSeconds: result.durationSeconds,
      ...(verdict.status !== 'success' && { reason: verdict.reason }),
      ...(health !== undefined && { health }),
    });
    this.#onStateChange(change);
  }

  #onStateChange(change: StateChange): void {
    const { before, after } = change;
    if (before.health.state === after.health.state) return;
    const { logger, outbox, clock } = this.#options;
    this.#series.get(after.key)?.metrics.setState(after.health.state);
    outbox.addEvent(checkChangeEvent(change));
    logger.info(
      {
        service: after.service.name,
        target: after.target.label,
        state: after.health.state,
        from: before.health.state,
      },
      'a check changed its state',
    );
    const cluster = this.board.cluster();
    this.#cluster.set(cluster.state, cluster.ratio);
    if (cluster.state !== this.#lastCluster.state)
      outbox.addEvent(clusterChangeEvent(cluster, this.#lastCluster, clock.now()));
    this.#lastCluster = cluster;
  }

  #updateSeries(checks: readonly Check[]): void {
    const { table, nativeHistograms } = this.#options;
    const wanted = new Map(checks.map((check) => [check.key, check]));
    for (const [key, { metrics, identity }] of this.#series) {
      const check = wanted.get(key);
      if (check !== undefined && seriesIdentity(check) === identity) continue;
      metrics.remove();
      this.#series.delete(key);
    }
    for (const [key, check] of wanted) {
      if (this.#series.has(key)) continue;
      const metrics = new CheckMetrics(table, check.service, check.target, nativeHistograms);
      this.#restoreMetrics(metrics, key);
      this.#series.set(key, { metrics, identity: seriesIdentity(check) });
    }
  }

  /** Exports what is already known of a check whose series are new. */
  #restoreMetrics(metrics: CheckMetrics, key: string): void {
    const health = this.board.entry(key)?.health;
    metrics.setState(health?.state ?? 'unknown');
    const last = health?.lastConclusive;
    if (last === undefined) return;
    const samples = [sample(PROBE_DURATION, last.durationSeconds)];
    metrics.restore({ ...last, samples }, health?.lastSuccessAt);
  }
}

/** What is kept of a run until the next one: neither its log nor its samples, which the metrics hold. */
function withoutSamples({ runId, verdict, startedAt, durationSeconds, details }: RunResult): Result {
  return { ...(runId !== undefined && { runId }), verdict, startedAt, durationSeconds, details };
}

function seriesIdentity({ service, target }: Check): string {
  return JSON.stringify([checkLabels(service, target), service.prober, service.group, service.critical]);
}
