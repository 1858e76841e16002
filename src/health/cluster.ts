import type { CheckState } from '../domain/service.ts';

export type ClusterState = Exclude<CheckState, 'unknown'>;

/** A check as the cluster's state sees it. */
export interface WeighedCheck {
  readonly service: string;
  readonly critical: boolean;
  readonly state: CheckState;
}

export interface ClusterHealth {
  readonly state: ClusterState;
  /** Weighted share of healthy checks, 0 to 1: critical ones weigh 3, a degraded one counts half. */
  readonly ratio: number;
}

const CRITICAL_WEIGHT = 3;
const WORTH: Readonly<Record<CheckState, number>> = { healthy: 1, degraded: 0.5, unhealthy: 0, unknown: 0 };
const BADNESS: Readonly<Record<CheckState, number>> = { healthy: 0, unknown: 1, degraded: 2, unhealthy: 3 };

/** The worst of some states; `unknown` where there is none. */
export function worstState(states: readonly CheckState[]): CheckState {
  return (
    states.reduce<CheckState | undefined>(
      (worst, state) => (worst === undefined || BADNESS[state] > BADNESS[worst] ? state : worst),
      undefined,
    ) ?? 'unknown'
  );
}

/** Which of two states is worse: positive when `a` is. */
export function compareStates(a: CheckState, b: CheckState): number {
  return BADNESS[a] - BADNESS[b];
}

/**
 * The state of all checks together: `unhealthy` when a critical service is, else `degraded` when any is not
 * healthy, else `healthy`. Nothing watched is healthy.
 */
export function clusterHealth(checks: readonly WeighedCheck[]): ClusterHealth {
  let state: ClusterState = 'healthy';
  let weight = 0;
  let worth = 0;
  for (const check of checks) {
    const weighs = check.critical ? CRITICAL_WEIGHT : 1;
    weight += weighs;
    worth += weighs * WORTH[check.state];
    if (check.critical && check.state === 'unhealthy') state = 'unhealthy';
    else if (check.state !== 'healthy' && state === 'healthy') state = 'degraded';
  }
  return { state, ratio: weight === 0 ? 1 : worth / weight };
}
