import type { EpochMs } from '../../domain/clock.ts';
import type { HostStats } from '../../host/stats.ts';
import type { ClusterHealth } from './cluster.ts';
import { rfc3339 } from './run-view.ts';

/** The parts of a snapshot besides its services. */
export interface ClusterSnapshotFrame {
  readonly now: EpochMs;
  readonly uptimeSeconds: number;
  /** Absent in snapshots rebuilt from history: Prometheus stores those values. */
  readonly host: HostStats;
  readonly cluster: ClusterHealth;
  readonly totalServices: number;
  readonly alerts: readonly string[];
}

/**
 * The answer of `/cluster_health` as JSON in pieces: the whole cluster at one moment.
 * @param services the JSON of each service, by its name
 */
export function* snapshotText(
  services: Iterable<readonly [name: string, text: string]>,
  { now, uptimeSeconds, host, cluster, totalServices, alerts }: ClusterSnapshotFrame,
): Generator<string, undefined> {
  const head = { timestamp: rfc3339(now), overall_status: cluster.state, score: score(cluster.ratio) };
  yield `${JSON.stringify(head).slice(0, -1)},"services":{`;
  let separator = '';
  for (const [name, text] of services) {
    yield `${separator}${JSON.stringify(name)}:${text}`;
    separator = ',';
  }
  const stats = {
    local_node: {
      cpu_percent: host.cpu_percent,
      memory_percent: host.memory?.percent,
      disk_percent: host.disk?.percent,
    },
    total_services: totalServices,
    monitoring_uptime: uptimeSeconds,
  };
  yield `},"cluster_stats":${JSON.stringify(stats)},"alerts":${JSON.stringify(alerts)}}`;
}

/** The ratio as the API shows it: 0 to 10, in hundredths. */
function score(ratio: number): number {
  return Math.round(ratio * 1_000) / 100;
}
