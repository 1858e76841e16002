import { HttpClient } from '../pipeline/http-client.ts';
import type { Config } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import type { Lifecycle } from './lifecycle.ts';
import { DeadMansSwitch } from '../pipeline/dead-mans-switch.ts';
import { AlertmanagerReconciler } from '../pipeline/alertmanager-reconciler.ts';
import type { Storage } from './storage.ts';
import { Watchdogs } from '../pipeline/watchdogs.ts';

export interface PipelineOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly selfMetrics: SelfMetrics;
  readonly storage: Storage;
}

/** Detects a broken alert path. */
export interface Pipeline {
  /** Applies a configuration whose rules the ledger already has. Cannot fail. */
  readonly configure: (config: Config) => void;
  /** Whether each watchdog is alive, by its name. */
  readonly watchdogs: () => Readonly<Record<string, boolean>>;
}

/** Starts the watchdogs, reconciliation and the dead man's switch; `configure` gives them their work. */
export function startPipeline({ clock, logger, lifecycle, selfMetrics, storage }: PipelineOptions): Pipeline {
  const client = new HttpClient();
  const shared = { clock, logger, selfMetrics, ledger: storage.ledger };
  const watchdogs = new Watchdogs({ ...shared, outbox: storage.outbox });
  const deadMansSwitch = new DeadMansSwitch({ ...shared, client, allFresh: () => watchdogs.allFresh() });
  const reconciler = new AlertmanagerReconciler({ ...shared, client });
  let stopped = false;
  lifecycle.onStop('watchdogs, reconciliation and ping', () => {
    stopped = true;
    for (const part of [watchdogs, deadMansSwitch, reconciler]) part.stop();
    return client.close();
  });
  const configure = (config: Config) => {
    // the ledger may still be applying the rules of a reload when Tocsin stops
    if (stopped) return;
    selfMetrics.pipeline.configure(config.alertmanagers);
    const own = config.services.map(({ name, escalation }) => ({ name, escalation: { ...escalation } }));
    selfMetrics.pipeline.escalation({ ...config.escalation }, own);
    watchdogs.configure(config.watchdogs);
    deadMansSwitch.configure(config);
    reconciler.configure(config.alertmanagers);
  };
  return { configure, watchdogs: () => watchdogs.areAlive() };
}
