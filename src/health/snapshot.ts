import { clusterHealth } from './cluster.ts';
import { rfc3339 } from './run-view.ts';
import { alertSentences, serviceViews, type CheckView, type ServiceView } from './views.ts';

/** CPU, memory and disk of the host Tocsin runs on; what is not known is absent. */
export interface HostStats {
  readonly cpu_percent?: number;
  /** Bytes, and the share in use in percent. */
  readonly memory?: { readonly total: number; readonly available: number; readonly percent: number };
  /** Of the root file system; bytes, and the share in use in percent. */
  readonly disk?: { readonly total: number; readonly free: number; readonly percent: number };
}

/** The answer of `/cluster_health`. */
export interface ClusterSnapshot {
  /** RFC 3339, UTC. */
  readonly timestamp: string;
  readonly overall_status: string;
  /** 0 to 10. */
  readonly score: number;
  readonly services: Readonly<Record<string, ServiceView>>;
  readonly cluster_stats: {
    /** Absent in snapshots rebuilt from history: Prometheus keeps those. */
    readonly local_node: Readonly<Record<string, number | undefined>>;
    readonly total_services: number;
    /** Seconds. */
    readonly monitoring_uptime: number;
  };
  readonly alerts: readonly string[];
}

export interface SnapshotContext {
  /** Ms since the epoch. */
  readonly now: number;
  readonly uptimeSeconds: number;
  readonly host: HostStats;
}

/** The whole cluster at one moment. */
export function clusterSnapshot(checks: readonly CheckView[], context: SnapshotContext): ClusterSnapshot {
  const services = serviceViews(checks);
  const cluster = clusterHealth(
    checks.map(({ service, critical, view }) => ({ service, critical, state: view.state })),
  );
  return {
    timestamp: rfc3339(context.now),
    overall_status: cluster.state,
    score: score(cluster.ratio),
    services: Object.fromEntries(services),
    cluster_stats: {
      local_node: {
        cpu_percent: context.host.cpu_percent,
        memory_percent: context.host.memory?.percent,
        disk_percent: context.host.disk?.percent,
      },
      total_services: services.size,
      monitoring_uptime: context.uptimeSeconds,
    },
    alerts: alertSentences(checks),
  };
}

/** The ratio as the API shows it: 0 to 10, one hundredth fine. */
function score(ratio: number): number {
  return Math.round(ratio * 1_000) / 100;
}
