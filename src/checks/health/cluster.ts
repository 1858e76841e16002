import type { CheckState } from '../../domain/service.ts';

export type ClusterState = Exclude<CheckState, 'unknown'>;

/** A check as the cluster's state sees it. */
export interface WeighedCheck {
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

/** The worst of some states; `unknown` without any. */
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

/** The state of all checks together, updated check by check: with thousands of them, counting again is too slow. */
export class ClusterTally {
  #weight = 0;
  #worth = 0;
  #notHealthy = 0;
  #criticalUnhealthy = 0;

  add(check: WeighedCheck): void {
    this.#count(check, 1);
  }

  remove(check: WeighedCheck): void {
    this.#count(check, -1);
  }

  /** `unhealthy` when a critical service is, else `degraded` when any is not healthy, else `healthy`, also without checks. */
  health(): ClusterHealth {
    const state = this.#criticalUnhealthy > 0 ? 'unhealthy' : this.#notHealthy > 0 ? 'degraded' : 'healthy';
    // weights and worths are multiples of 0.5: their sums stay exact
    return { state, ratio: this.#weight === 0 ? 1 : this.#worth / this.#weight };
  }

  #count({ critical, state }: WeighedCheck, by: 1 | -1): void {
    const weighs = critical ? CRITICAL_WEIGHT : 1;
    this.#weight += by * weighs;
    this.#worth += by * weighs * WORTH[state];
    if (state !== 'healthy') this.#notHealthy += by;
    if (critical && state === 'unhealthy') this.#criticalUnhealthy += by;
  }
}
