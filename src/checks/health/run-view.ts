import type { Result, Verdict } from '../../domain/result.ts';
import type { CheckState, Service } from '../../domain/service.ts';
import type { BoardEntry } from './board.ts';
import { isSlow } from './check-health.ts';

/** The status values that clients of `/cluster_health` know. */
export type RawStatus = 'healthy' | 'timeout' | 'error' | 'unhealthy' | 'unknown';

/** The outcome of one run, as the monitoring API spells it. */
export interface RunView {
  readonly status: RawStatus;
  /** Seconds. */
  readonly response_time?: number;
  readonly status_code?: number;
  readonly error?: string;
  readonly reason?: string;
  readonly data?: unknown;
  /** The run's id in exemplars. */
  readonly run_id?: string;
  readonly [extra: string]: unknown;
}

/** A check: its last run and its state. */
export interface TargetView {
  readonly target: string;
  readonly state: CheckState;
  /** When it entered that state; RFC 3339, UTC. */
  readonly since: string;
  readonly last_run?: string;
  /** Why it is not healthy although its last run did not fail. */
  readonly detail?: string;
  readonly health: RunView;
}

/** The outcome of the last run; `unknown` before the first. */
export function runView(result: Result | undefined): RunView {
  if (result === undefined) return { status: 'unknown' };
  const { verdict, details, runId } = result;
  return {
    ...details.extra,
    status: rawStatus(verdict),
    response_time: Number(result.durationSeconds.toFixed(6)),
    ...(details.statusCode !== undefined && { status_code: details.statusCode }),
    ...(verdict.status !== 'success' && { error: verdict.text, reason: verdict.reason }),
    ...(details.data !== undefined && { data: details.data }),
    ...(runId !== undefined && { run_id: runId }),
  };
}

function rawStatus(verdict: Verdict): RawStatus {
  if (verdict.status === 'success') return 'healthy';
  if (verdict.status === 'unknown') return 'unknown';
  switch (verdict.reason) {
    case 'timeout':
    case 'connect_timeout':
      return 'timeout';
    case 'dns':
    case 'connect':
    case 'connect_refused':
    case 'tls':
    case 'tls_expired':
    case 'tls_name':
    case 'tls_untrusted':
      return 'error';
    default:
      return 'unhealthy';
  }
}

export function targetView({ service, target, health }: BoardEntry): TargetView {
  const detail = explainState(service, health.state, health.last);
  return {
    target: target.label,
    state: health.state,
    since: rfc3339(health.since),
    ...(health.last && { last_run: rfc3339(health.last.startedAt) }),
    ...(detail !== undefined && { detail }),
    health: runView(health.last),
  };
}

function explainState(service: Service, state: CheckState, last: Result | undefined): string | undefined {
  if (state === 'healthy' || last === undefined || last.verdict.status === 'failure') return undefined;
  if (state === 'unknown') return `No result since ${rfc3339(last.startedAt)}`;
  if (isSlow(last, service.degradedAfterMs)) {
    return `Took ${last.durationSeconds.toFixed(3)} s, more than ${(service.degradedAfterMs ?? 0) / 1_000} s`;
  }
  return 'Recovering, not confirmed yet';
}

/** Formats a time as the API does: RFC 3339, UTC, milliseconds. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString();
}
