import { defineFamily, type Family, type FamilyType } from './family.ts';
import { TARGETS_FILE } from './targets-file-metrics.ts';

function ofCheck(name: string, type: FamilyType, help: string, labels: readonly string[] = []): Family {
  return defineFamily(type, name, help, ['service', 'target', 'prober', 'group', ...labels]);
}

/** Families that every check has, whatever its prober. */
export const CHECK = {
  info: ofCheck('tocsin_check_info', 'gauge', 'Every configured check, always 1.', ['critical']),
  success: ofCheck(
    'probe_success',
    'gauge',
    'Whether the last conclusive run (success or failure) succeeded.',
  ),
  state: ofCheck('tocsin_check_state', 'gauge', '1 for the state that the check is in, 0 for the others.', [
    'state',
  ]),
  runDuration: ofCheck(
    'tocsin_probe_run_duration_seconds',
    'histogram',
    'Duration of conclusive runs (success or failure).',
  ),
  runs: ofCheck('tocsin_probe_runs_total', 'counter', 'Runs by result.', ['result']),
  failures: ofCheck('tocsin_probe_failures_total', 'counter', 'Failed runs by reason.', ['reason']),
  unknowns: ofCheck('tocsin_probe_unknown_total', 'counter', 'Unknown runs by reason.', ['reason']),
  observedSeconds: ofCheck(
    'tocsin_check_observed_seconds_total',
    'counter',
    'Time for which the raw result is known, in seconds.',
  ),
  failingSeconds: ofCheck(
    'tocsin_check_failing_seconds_total',
    'counter',
    'Time for which the raw result was failure, in seconds.',
  ),
  lastRun: ofCheck(
    'tocsin_probe_last_run_timestamp_seconds',
    'gauge',
    'Start of the last conclusive run (success or failure), in seconds since the epoch.',
  ),
  lastSuccess: ofCheck(
    'tocsin_probe_last_success_timestamp_seconds',
    'gauge',
    'Start of the last successful run, in seconds since the epoch.',
  ),
} as const satisfies Record<string, Family>;

/** Families of the cluster of all checks. */
export const CLUSTER = {
  state: defineFamily(
    'gauge',
    'tocsin_cluster_state',
    '1 for the current state of the cluster, 0 for the others.',
    ['state'],
  ),
  ratio: defineFamily(
    'gauge',
    'tocsin_cluster_health_ratio',
    'Weighted share of healthy checks: critical ones weigh 3, a degraded one counts half.',
  ),
} as const satisfies Record<string, Family>;

export const checkFamilies: readonly Family[] = [
  ...Object.values(CHECK),
  ...Object.values(CLUSTER),
  ...Object.values(TARGETS_FILE),
];
