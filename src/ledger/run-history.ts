import type { EpochMs } from '../domain/clock.ts';

/** One step of `services/{name}/history`. */
export interface HistoryPoint {
  /** Start of the step. */
  readonly at: EpochMs;
  readonly success: number;
  readonly failure: number;
  readonly unknown: number;
  /** Mean of the successes; absent if there were none. */
  readonly meanDurationSeconds?: number;
}

export interface HistoryQuery {
  readonly service: string;
  readonly from: EpochMs;
  readonly to: EpochMs;
  readonly stepMs: number;
}
