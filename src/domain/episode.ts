import type { Alert, SeverityClass, Transition } from './alert.ts';

/** Who took charge of an episode; it says nothing to the sender and silences nothing. */
export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds since the epoch; undefined: until the episode ends. */
  readonly expiresAt: number | undefined;
}

/** Where the newest episode of an alert stands. Times are nanoseconds since the epoch where nothing else is said. */
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
  /** Who and until when; undefined where nobody did. */
  readonly acknowledgement: Acknowledgement | undefined;
  /** Since when nobody has it, milliseconds: its first receipt, or when its last acknowledgement ended. */
  readonly unacknowledgedSince: number;
  /** Of a closed one: when word of its end came first, milliseconds; undefined while open. */
  readonly closedAt: number | undefined;
  /** The peers that told its end; empty where it ended without one's word. */
  readonly closedBy: readonly string[];
  /** Closed, but a peer still says that it fires: until when (ms) that is held to be late word. */
  readonly suspectUntil: number | undefined;
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
  /** Which member of the sender's cluster speaks. */
  readonly peer: string;
  /** For how long after an end another peer's firing may be late word, milliseconds; 0: never. */
  readonly staleWindowMs: number;
  /** How long such a firing is held before it counts, milliseconds. */
  readonly staleHoldMs: number;
}

/**
 * Why an alert of a delivery is a duplicate: `repeat`, it goes on firing (the sender repeats itself, or another member of
 * its cluster says the same); `resolved`, its end was told again; `late`, word of a former episode; `held`, the firing
 * of a `stale_suspect` again.
 */
export const DUPLICATE_CAUSES = ['repeat', 'resolved', 'late', 'held'] as const;
export type DuplicateCause = (typeof DUPLICATE_CAUSES)[number];

export interface EpisodeAdvance {
  readonly state: EpisodeState;
  /** In the order in which they happened; empty for a repeat. */
  readonly transitions: readonly EpisodeTransition[];
  /** Why it told nothing new, where it did not. */
  readonly duplicate?: DuplicateCause;
}

/** The episode machine as the ledger drives it. */
export type AdvanceEpisode = (
  current: EpisodeState | undefined,
  alert: Alert,
  context: EpisodeContext,
) => EpisodeAdvance;

/** Why an episode is given up: nothing was heard of it, or none of its Alertmanagers has it. */
export type ExpiryCause = 'silent' | 'absent';

/** What happens to an episode without a word of its sender. */
export type EpisodeAction =
  | { readonly kind: 'acknowledge'; readonly acknowledgement: Acknowledgement }
  | { readonly kind: 'unacknowledge'; readonly at: number }
  /** The time of a timer: an acknowledgement that ends, a suspicion that proved right. */
  | { readonly kind: 'time'; readonly at: number }
  /** Nothing was heard of it for too long; `lastReceivedAt` is when something was (ms). */
  | {
      readonly kind: 'expire';
      readonly at: number;
      readonly lastReceivedAt: number;
      readonly cause: ExpiryCause;
    }
  /** The sender itself was asked: whether it still has the alert. */
  | { readonly kind: 'confirm' | 'refute'; readonly at: number };

export type ActOnEpisode = (current: EpisodeState, action: EpisodeAction) => EpisodeAdvance;
