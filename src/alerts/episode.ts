import type { EpochMs } from '../domain/clock.ts';
import type { Transition } from '../domain/event.ts';
import { fnv, FNV_START, fnvText } from '../domain/fnv.ts';
import type { EpochNs } from '../domain/instant.ts';
import type { SeverityClass } from './alert.ts';
import type { Delivery } from './delivery.ts';

/** Who took charge of an episode; it is not sent to Alertmanager and silences nothing. */
export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  readonly at: EpochMs;
  /** Undefined: until the episode ends. */
  readonly expiresAt: EpochMs | undefined;
}

/**
 * One Alertmanager notifying one receiver of one group. Such notifications are sent one after the other, so the reports
 * of one reporter arrive in order; nothing is known about the order between reporters. Receivers of one Alertmanager
 * are different reporters too: each retries independently, with the alerts it read earlier. The value is a hash of
 * their names.
 */
export type Reporter = number;

/**
 * FNV-1a, 32 bits: a sender has few reporters, and this keeps what is stored of each short.
 * @param member identifies a member of a cluster
 */
export function reporterOf(
  { receiver, groupKey }: Pick<Delivery, 'receiver' | 'groupKey'>,
  member: readonly string[],
): Reporter {
  const texts = [...member, receiver, groupKey];
  return texts.reduce((hash, text) => fnv(fnvText(hash, text), 0xffff), FNV_START);
}

/** A closed episode that is reported as firing, perhaps by a late report. */
export interface Suspicion {
  /** When it counts as firing unless a resolve or a list refutes it. */
  readonly until: EpochMs;
  /** Whether it was reported with its own start. */
  readonly sameStart: boolean;
}

/** The newest episode of an alert. */
export interface EpisodeState {
  /** Counts the episodes of its alert, from 1. */
  readonly number: number;
  /** Number of transitions so far. */
  readonly ordinal: number;
  readonly open: boolean;
  /** The earliest reported start, as reported. */
  readonly startsAt: EpochNs;
  /**
   * The latest start of a report that opened, closed or reopened it, capped at the time that report was received. Later
   * starts are compared with this and not with `startsAt`: where two reporters disagree, the earlier start must not
   * make the other one look new.
   */
  readonly anchor: EpochNs;
  /** `anchor` as reported, uncapped: differs if the sender's clock is ahead. */
  readonly anchorGiven: EpochNs;
  /** The latest reported or inferred end, as reported; undefined while open. */
  readonly endsAt: EpochNs | undefined;
  /**
   * The earliest end reported since it was closed, capped at the time of its receipt; undefined if no end was reported.
   * Kept when the episode is reopened, since whatever starts after it is another life.
   */
  readonly reportedEnd: EpochNs | undefined;
  /** Anything up to this instant belongs to a former episode. */
  readonly formerUntil: EpochNs | undefined;
  /** Reporters of its end; empty while it is open. */
  readonly closedBy: readonly Reporter[];
  readonly acknowledged: boolean;
  /** Undefined if it was never acknowledged. */
  readonly acknowledgement: Acknowledgement | undefined;
  /** Since when it is unacknowledged: its first receipt, or when its last acknowledgement ended. */
  readonly unacknowledgedSince: EpochMs;
  /** When its end first became known; undefined while open. */
  readonly closedAt: EpochMs | undefined;
  readonly suspect: Suspicion | undefined;
  readonly severity: SeverityClass;
  /** Canonical JSON. */
  readonly labels: string;
  /** Canonical JSON. */
  readonly annotations: string;
  readonly generatorUrl: string;
}

/** A step in an episode, and the state of the episode after it. */
export interface EpisodeTransition {
  readonly transition: Transition;
  readonly episode: EpisodeState;
}

export interface EpisodeContext {
  readonly receivedAt: EpochMs;
  /** When the newest episode was last reported; 0: never. */
  readonly lastReceivedAt: EpochMs;
  readonly reporter: Reporter;
  /** How far apart reported starts of one life may be, nanoseconds. */
  readonly toleranceNs: bigint;
  /** For how long after an end a firing from another reporter may be late, milliseconds; 0: never. */
  readonly staleWindowMs: number;
  /** How long such a firing is held before it counts, milliseconds. */
  readonly staleHoldMs: number;
  /** How long the sender may withhold an end because the alert fires again, milliseconds. */
  readonly groupIntervalMs: number;
}

/**
 * Why an alert of a delivery is a duplicate: `repeat`, it is still firing (the sender repeats itself, or another member
 * of its cluster reports the same); `resolved`, its end was reported again; `late`, a report about a former episode;
 * `held`, a `stale_suspect` was reported as firing again.
 */
export const DUPLICATE_CAUSES = ['repeat', 'resolved', 'late', 'held'] as const;
export type DuplicateCause = (typeof DUPLICATE_CAUSES)[number];

export interface EpisodeAdvance {
  readonly state: EpisodeState;
  /** In order of occurrence; empty for a repeat. */
  readonly transitions: readonly EpisodeTransition[];
  /** The previous episode, if a new one begins and settles a suspicion about it. */
  readonly former?: EpisodeState;
  /** Why it changed nothing, if so. */
  readonly duplicate?: DuplicateCause;
}

/** Why an episode is expired: no reports for too long, or it is in no list of its Alertmanagers. */
export type ExpiryCause = 'silent' | 'absent';

/** What happens to an episode without a report of its sender. */
export type EpisodeAction =
  | { readonly kind: 'acknowledge'; readonly acknowledgement: Acknowledgement }
  | { readonly kind: 'unacknowledge'; readonly at: EpochMs }
  /** A timer fired: an acknowledgement expired, or a suspicion was not refuted. */
  | { readonly kind: 'time'; readonly at: EpochMs }
  /** No report for too long; `lastReceivedAt` is the time of the last one. */
  | {
      readonly kind: 'expire';
      readonly at: EpochMs;
      readonly lastReceivedAt: EpochMs;
      readonly cause: ExpiryCause;
    }
  /**
   * The sender was asked, and has the alert (`confirm`) or not (`refute`). A confirmed episode is reopened if it is a
   * suspect, or was closed without a reported end.
   */
  | { readonly kind: 'confirm' | 'refute'; readonly at: EpochMs };
