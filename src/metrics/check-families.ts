import type { Family, FamilyType } from './family.ts';
import { TARGETS_FILE } from './targets-files.ts';

function ofCheck(name: string, type: FamilyType, help: string, labels: readonly string[] = []): Family {
  return { name, type, help, labels: ['service', 'target', 'prober', 'group', ...labels] };
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
  state: {
    name: 'tocsin_cluster_state',
    type: 'gauge',
    help: '1 for the current state of the cluster, 0 for the others.',
    labels: ['state'],
  },
  ratio: {
    name: 'tocsin_cluster_health_ratio',
    type: 'gauge',
    help: 'Weighted share of healthy checks: critical ones weigh 3, a degraded one counts half.',
    labels: [],
  },
} as const satisfies Record<string, Family>;

export const checkFamilies: readonly Family[] = [
  ...Object.values(CHECK),
  ...Object.values(CLUSTER),
  ...Object.values(TARGETS_FILE),
];
