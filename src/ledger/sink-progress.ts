import type { EpochMs } from '../domain/clock.ts';

/** How far a sink has got. */
export interface SinkProgress {
  readonly sink: string;
  /** The id of the last event that it is done with. */
  readonly after: string;
  /** Events up to there that it rejected. */
  readonly refused: readonly { readonly id: string; readonly at: EpochMs; readonly reason: string }[];
}

/** An event that a sink permanently rejected. */
export interface DeadLetter {
  /** The event's id. */
  readonly id: string;
  readonly at: EpochMs;
  readonly reason: string;
}
