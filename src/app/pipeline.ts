import { HttpClient } from '../pipeline/http-client.ts';
import type { Config } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import type { Lifecycle } from './lifecycle.ts';
import { Pinging } from '../pipeline/dead-mans-switch.ts';
import { Reconciling } from '../pipeline/alertmanager-reconciler.ts';
import type { Storage } from './storage.ts';
import { Watchdogs } from '../pipeline/watchdogs.ts';

export interface HonestyOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly self: SelfMetrics;
  readonly storage: Storage;
}

/** What tells when the way of the alerts is broken. */
export interface Honesty {
  /** Puts a configuration in force, whose rules the ledger has already. Cannot fail. */
  readonly configure: (config: Config) => void;
  /** Whether each watchdog is heard, by its name. */
  readonly watchdogs: () => Readonly<Record<string, boolean>>;
}

/** Starts watchdogs, reconciliation and the ping; `configure` gives them something to do. */
export function startHonesty({ clock, logger, lifecycle, self, storage }: HonestyOptions): Honesty {
  const client = new HttpClient();
  const shared = { clock, logger, self, ledger: storage.ledger };
  const watchdogs = new Watchdogs({ ...shared, outbox: storage.outbox });
  const pinging = new Pinging({ ...shared, client, allFresh: () => watchdogs.allFresh() });
  const reconciling = new Reconciling({ ...shared, client });
  let stopped = false;
  lifecycle.onStop('watchdogs, reconciliation and ping', () => {
    stopped = true;
    for (const part of [watchdogs, pinging, reconciling]) part.stop();
    return client.close();
  });
  const configure = (config: Config) => {
    // the ledger may still be taking the rules of a reload when the end comes
    if (stopped) return;
    self.pipeline.configure(config.alertmanagers);
    const own = config.services.map(({ name, escalation }) => ({ name, escalation: { ...escalation } }));
    self.pipeline.escalation({ ...config.escalation }, own);
    watchdogs.configure(config.watchdogs);
    pinging.configure(config);
    reconciling.configure(config.alertmanagers);
  };
  return { configure, watchdogs: () => watchdogs.heard() };
}
