import type { EpochMs } from '../../domain/clock.ts';
import type { Result } from '../../domain/result.ts';
import type { CheckState, ConfirmationRule, Service } from '../../domain/service.ts';

/** The health of a check; replaced, never changed. */
export interface CheckHealth {
  readonly state: CheckState;
  /** When it entered this state. */
  readonly since: EpochMs;
  readonly failuresInRow: number;
  readonly successesInRow: number;
  /** The last run, whatever its result. */
  readonly last?: Result;
  /** The last run that ended in success or failure. */
  readonly lastConclusive?: Result;
  /** Start of the last success. */
  readonly lastSuccessAt?: EpochMs;
}

/** A check that has not run yet. */
export function initialHealth(now: EpochMs): CheckHealth {
  return { state: 'unknown', since: now, failuresInRow: 0, successesInRow: 0 };
}

type HealthRules = Pick<Service, 'degradedAfterMs'> & { readonly confirm: ConfirmationRule };

/**
 * The confirmation rule: `unhealthy` after `confirm.failures` failures in a row, `healthy` after `confirm.successes`
 * successes, `degraded` in between or when slower than `degraded_after`. A run that ended `unknown` says nothing about
 * the target and does not change the state.
 */
export function applyResult(health: CheckHealth, result: Result, rules: HealthRules): CheckHealth {
  if (result.verdict.status === 'unknown') return { ...health, last: result };
  const ok = result.verdict.status === 'success';
  const successesInRow = ok ? health.successesInRow + 1 : 0;
  const failuresInRow = ok ? 0 : health.failuresInRow + 1;
  const state = ok
    ? stateOfSuccess(result, successesInRow, rules)
    : failuresInRow >= rules.confirm.failures
      ? 'unhealthy'
      : 'degraded';
  return {
    ...(ok ? { lastSuccessAt: result.startedAt } : lastSuccess(health)),
    state,
    since: state === health.state ? health.since : result.startedAt,
    failuresInRow,
    successesInRow,
    last: result,
    lastConclusive: result,
  };
}

function stateOfSuccess(result: Result, successesInRow: number, rules: HealthRules): CheckState {
  if (successesInRow < rules.confirm.successes) return 'degraded';
  return isSlow(result, rules.degradedAfterMs) ? 'degraded' : 'healthy';
}

/** Whether a run took longer than the service's `degraded_after`. */
export function isSlow(result: Result, degradedAfterMs: number | undefined): boolean {
  return degradedAfterMs !== undefined && result.durationSeconds * 1_000 > degradedAfterMs;
}

/** The age at which the last success or failure no longer counts, ms. */
function staleAfterMs(intervalMs: number): number {
  return Math.max(3 * intervalMs, 90_000);
}

/** Whether the last success or failure is too old at `now`. */
export function isStale(health: CheckHealth, intervalMs: number, now: EpochMs): boolean {
  const last = health.lastConclusive;
  return last !== undefined && now - last.startedAt - last.durationSeconds * 1_000 > staleAfterMs(intervalMs);
}

/** The health of a check whose last success or failure has expired: it starts over. */
export function expiredHealth(health: CheckHealth, now: EpochMs): CheckHealth {
  return { ...lastSuccess(health), ...(health.last && { last: health.last }), ...initialHealth(now) };
}

function lastSuccess(health: CheckHealth): { lastSuccessAt?: EpochMs } {
  return health.lastSuccessAt === undefined ? {} : { lastSuccessAt: health.lastSuccessAt };
}

/**
 * Milliseconds from the start of the last run to the next, where that is sooner than the service's interval: an
 * unconfirmed failure is re-run after `retry_interval`, then the adaptive interval applies.
 */
export function nextDelayMs(
  health: CheckHealth,
  service: Pick<Service, 'confirm' | 'adaptive'>,
): number | undefined {
  if (health.failuresInRow > 0 && health.failuresInRow < service.confirm.failures) {
    return service.confirm.retryIntervalMs;
  }
  if (health.state === 'unhealthy') return service.adaptive.unhealthyMs;
  if (health.state === 'degraded') return service.adaptive.degradedMs;
  return undefined;
}
