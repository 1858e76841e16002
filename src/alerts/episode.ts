import type { Alert, SeverityClass } from './alert.ts';
import type { Transition } from '../domain/event.ts';
import type { Delivery } from './delivery.ts';

/** Who took charge of an episode; it says nothing to the sender and silences nothing. */
export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Milliseconds since the epoch; undefined: until the episode ends. */
  readonly expiresAt: number | undefined;
}

/**
 * Who reports: one Alertmanager notifying one receiver of one group. Such notifications are sent one after the other, so what
 * one reporter says comes in order; nothing is known about the order of different reporters. A hash of their names.
 * Receivers of one Alertmanager are different reporters too: each tries again for itself, with what it has read before.
 */
export type Reporter = number;

/**
 * FNV-1a, 32 bits: a sender has a few reporters, and what is stored of each is as short as this.
 * @param member what tells the members of a cluster apart
 */
export function reporterOf(
  { receiver, groupKey }: Pick<Delivery, 'receiver' | 'groupKey'>,
  member: readonly string[],
): Reporter {
  let hash = 0x811c9dc5;
  for (const text of [...member, receiver, groupKey]) {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ 0xffff, 0x01000193);
  }
  return hash;
}

/** A closed episode that is reported as firing, perhaps by a report that is late. */
export interface Suspicion {
  /** When it counts as firing if no resolve or list refutes it, milliseconds since the epoch. */
  readonly until: number;
  /** Whether it was reported with its own start. */
  readonly sameStart: boolean;
}

/** The newest episode of an alert. Times are nanoseconds since the epoch where nothing else is said. */
export interface EpisodeState {
  /** Counts the episodes of its alert, from 1. */
  readonly number: number;
  /** How many transitions it has had. */
  readonly ordinal: number;
  readonly open: boolean;
  /** The earliest start that was reported, as it was given. */
  readonly startsAt: bigint;
  /**
   * The latest start of a report that opened, closed or reopened it, but not later than that was received. Later starts are
   * compared with it and not with `startsAt`: where two reporters disagree, the earlier start must not make the other look new.
   */
  readonly anchor: bigint;
  /** The same as it was given: differs where the sender's clock is ahead. */
  readonly anchorGiven: bigint;
  /** The latest end that was reported or inferred, as it was given; undefined while open. */
  readonly endsAt: bigint | undefined;
  /**
   * The earliest end that was reported since it was closed, but not later than that was received; undefined where no end was
   * reported. Kept when it is reopened, as what starts
   * after it is another life.
   */
  readonly reportedEnd: bigint | undefined;
  /** What is not after this belongs to a former episode. */
  readonly formerUntil: bigint | undefined;
  /** Who has reported its end; empty while it is open. */
  readonly closedBy: readonly Reporter[];
  readonly acknowledged: boolean;
  /** Who and until when; undefined where it was never acknowledged. */
  readonly acknowledgement: Acknowledgement | undefined;
  /** Since when no one has acknowledged it, milliseconds: its first receipt, or when its last acknowledgement ended. */
  readonly unacknowledgedSince: number;
  /** Of a closed one: when that was first known, milliseconds; undefined while open. */
  readonly closedAt: number | undefined;
  readonly suspect: Suspicion | undefined;
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
  /** When the newest episode was last reported, milliseconds since the epoch; 0: never. */
  readonly lastReceivedAt: number;
  readonly reporter: Reporter;
  /** How far apart the starts that are given for one life may be, nanoseconds. */
  readonly toleranceNs: bigint;
  /** For how long after an end another reporter's firing may be late, milliseconds; 0: never. */
  readonly staleWindowMs: number;
  /** How long such a firing is held before it counts, milliseconds. */
  readonly staleHoldMs: number;
  /** How long the sender may keep an end to itself because the alert fires again, milliseconds. */
  readonly groupIntervalMs: number;
}

/**
 * Why an alert of a delivery is a duplicate: `repeat`, it goes on firing (the sender repeats itself, or another member of
 * its cluster says the same); `resolved`, its end was reported again; `late`, a report about a former episode; `held`, the
 * firing of a `stale_suspect` again.
 */
export const DUPLICATE_CAUSES = ['repeat', 'resolved', 'late', 'held'] as const;
export type DuplicateCause = (typeof DUPLICATE_CAUSES)[number];

export interface EpisodeAdvance {
  readonly state: EpisodeState;
  /** In the order in which they happened; empty for a repeat. */
  readonly transitions: readonly EpisodeTransition[];
  /** The episode before, where a new one begins and what was suspected of it is settled by that. */
  readonly former?: EpisodeState;
  /** Why it changed nothing, where it did not. */
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

/** What happens to an episode without a report of its sender. */
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
  /**
   * The sender itself was asked, and has the alert, or has not. What is confirmed is reopened when it is a suspect, or was
   * closed without the report of an end.
   */
  | { readonly kind: 'confirm' | 'refute'; readonly at: number };

export type ActOnEpisode = (current: EpisodeState, action: EpisodeAction) => EpisodeAdvance;
