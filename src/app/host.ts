import { fileURLToPath } from 'node:url';
import type { HostConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { ScrapeCollector } from '../exposition/render/collectors.ts';
import type { SeriesTable } from '../exposition/table/series-table.ts';
import type { HostStats } from '../host/stats.ts';
import { Host } from '../host/host.ts';
import { collectors } from '../host/registry.ts';
import { checkFamilies } from '../metrics/check-families.ts';
import { hostCollectors } from '../metrics/host-metrics.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import { RUN_FAMILIES } from '../probes/families.ts';
import { probers } from '../probes/registry.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface StartHostOptions {
  readonly config: HostConfig;
  readonly codeUrl: URL;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly table: SeriesTable;
  readonly selfMetrics: SelfMetrics;
}

/** The host for the rest of the app. */
export interface HostParts {
  /** Updated by a scrape; empty where `host.enabled` is false. */
  readonly collectors: readonly ScrapeCollector[];
  readonly stats: () => HostStats;
}

/** Starts the collectors of the host. */
export function startHost(options: StartHostOptions): HostParts {
  const { config, codeUrl, clock, logger, lifecycle, table, selfMetrics } = options;
  const host = new Host({
    collectors,
    disabled: config.collectors.disable,
    procfs: config.procfs,
    sysfs: config.sysfs,
    rootfs: config.rootfs,
    textfile: config.textfile,
    reserved: [
      ...checkFamilies,
      ...RUN_FAMILIES,
      ...probers.flatMap(({ families }) => families),
      ...selfMetrics.families,
    ],
    clock,
    log: logger,
    child: fileURLToPath(new URL('./host/child/child.js', codeUrl)),
  });
  lifecycle.onStop('host', () => host.close());
  return { collectors: config.enabled ? hostCollectors(host, table) : [], stats: () => host.stats() };
}
