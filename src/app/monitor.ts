import type { ConfiguredService, SchedulerConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Target } from '../domain/service.ts';
import { checkKey } from '../domain/service.ts';
import type { Outbox } from '../events/outbox.ts';
import type { SeriesTable } from '../exposition/table.ts';
import { HealthBoard, type StateChange } from '../health/board.ts';
import { checkEvent, clusterEvent } from '../health/change-event.ts';
import { nextDelayMs } from '../health/state.ts';
import { CheckMetrics, ClusterMetrics } from '../metrics/checks.ts';
import type { Resolver } from '../probes/net/resolver.ts';
import type { RunResult } from '../probes/prober.ts';
import { runProbe } from '../probes/run.ts';
import type { Scheduled } from '../scheduler/plan.ts';
import { Scheduler } from '../scheduler/scheduler.ts';

/** A check as it is scheduled. */
interface Check extends Scheduled {
  readonly service: ConfiguredService;
  readonly target: Target;
}

interface CheckSeries {
  readonly metrics: CheckMetrics;
  /** What its labels were made of: other labels need other series. */
  readonly identity: string;
}

export interface MonitorOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly resolver: Resolver;
  readonly table: SeriesTable;
  readonly outbox: Outbox;
  readonly onLateness: (seconds: number) => void;
  readonly onShed: () => void;
}

const EXPIRY_MS = 5_000;

/** Runs the checks, and carries each result to the metrics, the board, the history and the events. */
export class Monitor {
  readonly board = new HealthBoard();
  readonly #options: MonitorOptions;
  readonly #scheduler: Scheduler<Check>;
  readonly #cluster: ClusterMetrics;
  readonly #series = new Map<string, CheckSeries>();
  #lastCluster = this.board.cluster();
  #cancelExpiry: (() => void) | undefined;

  constructor(options: MonitorOptions, caps: SchedulerConfig) {
    this.#options = options;
    this.#cluster = new ClusterMetrics(options.table);
    this.#scheduler = new Scheduler<Check>({
      clock: options.clock,
      caps,
      run: (check, signal) => this.#run(check, signal),
      onLateness: options.onLateness,
      onShed: (check) => {
        options.onShed();
        options.logger.warn(
          { service: check.service.name },
          'a run was left out: too many checks for the caps',
        );
      },
    });
    this.#expireLater();
  }

  /** Makes these services the ones that are watched. Cannot fail. */
  configure(services: readonly ConfiguredService[], caps: SchedulerConfig): void {
    this.board.configure(services, this.#options.clock.now());
    const checks = services.flatMap((service) =>
      service.targets.map((target) => ({
        key: checkKey(service.name, target.label),
        host: target.host,
        intervalMs: service.intervalMs,
        service,
        target,
      })),
    );
    this.#updateSeries(checks);
    this.#lastCluster = this.board.cluster();
    this.#cluster.set(this.#lastCluster.state, this.#lastCluster.ratio);
    this.#scheduler.update(checks, caps);
  }

  /** Lets per-run values and states go that have become too old; called before each collection, too. */
  expire(): void {
    for (const change of this.board.expire(this.#options.clock.now())) {
      this.#series.get(change.after.key)?.metrics.expire();
      this.#changed(change);
    }
  }

  async stop(signal: AbortSignal): Promise<void> {
    this.#cancelExpiry?.();
    await this.#scheduler.stop(signal);
  }

  async #run(check: Check, signal: AbortSignal): Promise<number | undefined> {
    const { clock, resolver } = this.#options;
    const { probe, timeoutMs } = check.service;
    const result = await runProbe({ probe, target: check.target, timeoutMs, resolver, clock, signal });
    if (!signal.aborted) this.#record(check, result);
    const entry = this.board.entry(check.key);
    return entry && nextDelayMs(entry.health, check.service);
  }

  #record(check: Check, result: RunResult): void {
    this.#series.get(check.key)?.metrics.record(result);
    const change = this.board.record(check.key, result);
    if (change === undefined) return;
    const { verdict } = result;
    this.#options.outbox.run({
      service: check.service.name,
      target: check.target.label,
      at: result.startedAt,
      status: verdict.status,
      durationSeconds: result.durationSeconds,
      ...(verdict.status !== 'success' && { reason: verdict.reason }),
    });
    this.#changed(change);
  }

  #changed(change: StateChange): void {
    const { before, after } = change;
    if (before.health.state === after.health.state) return;
    const { logger, outbox, clock } = this.#options;
    this.#series.get(after.key)?.metrics.setState(after.health.state);
    outbox.event(checkEvent(change));
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
      outbox.event(clusterEvent(cluster, this.#lastCluster, clock.now()));
    this.#lastCluster = cluster;
  }

  #updateSeries(checks: readonly Check[]): void {
    const wanted = new Map(checks.map((check) => [check.key, check]));
    for (const [key, { metrics, identity }] of this.#series) {
      const check = wanted.get(key);
      if (check !== undefined && seriesIdentity(check) === identity) continue;
      metrics.remove();
      this.#series.delete(key);
    }
    for (const [key, check] of wanted) {
      if (this.#series.has(key)) continue;
      const metrics = new CheckMetrics(this.#options.table, check.service, check.target);
      metrics.setState(this.board.entry(key)?.health.state ?? 'unknown');
      this.#series.set(key, { metrics, identity: seriesIdentity(check) });
    }
  }

  #expireLater(): void {
    this.#cancelExpiry = this.#options.clock.after(EXPIRY_MS, () => {
      this.expire();
      this.#expireLater();
    });
  }
}

function seriesIdentity({ service }: Check): string {
  return JSON.stringify([service.labels, service.prober, service.group, service.critical]);
}
