/** One step of `services/{name}/history`. */
export interface HistoryPoint {
  /** Start of the step, milliseconds since the epoch. */
  readonly at: number;
  readonly success: number;
  readonly failure: number;
  readonly unknown: number;
  /** Mean of the successes; absent if there were none. */
  readonly meanDurationSeconds?: number;
}

export interface HistoryQuery {
  readonly service: string;
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}
