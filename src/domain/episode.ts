import type { Alert, SeverityClass, Transition } from './alert.ts';

/** Where the newest episode of an alert stands. Times are nanoseconds since the epoch. */
export interface EpisodeState {
  /** The how-many-th episode of its alert, from 1. */
  readonly number: number;
  /** How many transitions it has had. */
  readonly ordinal: number;
  readonly open: boolean;
  /** The earliest start that was seen. */
  readonly startsAt: bigint;
  /**
   * The latest start of a word that opened, closed or reopened it. Later starts are measured against it and not against
   * `startsAt`: where two peers disagree, the one that takes the earlier start must not make the other's look new.
   */
  readonly anchor: bigint;
  /** The latest end that was seen; absent while open. */
  readonly endsAt: bigint | undefined;
  /** What starts at or before this is late word of a former episode. */
  readonly formerUntil: bigint | undefined;
  readonly acknowledged: boolean;
  readonly severity: SeverityClass;
  /** Canonical JSON. */
  readonly labels: string;
  /** Canonical JSON. */
  readonly annotations: string;
  readonly generatorUrl: string;
}

/** A step in an episode, and how the episode stands after it. */
export interface EpisodeTransition {
  readonly transition: Transition;
  readonly episode: EpisodeState;
}

export interface EpisodeContext {
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** How far apart the starts of one and the same firing may be, nanoseconds. */
  readonly toleranceNs: bigint;
}

export interface EpisodeAdvance {
  readonly state: EpisodeState;
  /** In the order in which they happened; empty for a repeat. */
  readonly transitions: readonly EpisodeTransition[];
}

/** The episode machine as the ledger drives it. */
export type AdvanceEpisode = (
  current: EpisodeState | undefined,
  alert: Alert,
  context: EpisodeContext,
) => EpisodeAdvance;
