import { severityClass, type Alert } from './alert.ts';
import type { EpisodeContext, EpisodeState, Reporter } from './episode.ts';
import { canonicalLabels } from '../domain/labels.ts';

/** What a delivery says about one alert. Times are nanoseconds since the epoch. */
export interface Report {
  readonly firing: boolean;
  readonly by: Reporter;
  readonly given: { readonly start: bigint; readonly end: bigint | undefined };
  /** The start, but not later than the report was received. */
  readonly start: bigint;
  /** Of a resolved alert; the time of receipt where the sender gave none, or a later one. */
  readonly end: bigint;
  /** Whether `end` is what the sender gave. */
  readonly endKnown: boolean;
  readonly content: Pick<EpisodeState, 'severity' | 'labels' | 'annotations' | 'generatorUrl'>;
  readonly context: EpisodeContext;
}

/**
 * A start or an end later than its receipt cannot be right: the sender's clock is ahead, or ours is behind. Such a time is
 * compared as if it were the receipt, and kept as it was given.
 */
export function reportOf(alert: Alert, context: EpisodeContext): Report {
  const received = BigInt(context.receivedAt) * 1_000_000n;
  const given = { start: alert.startsAt.ns, end: alert.endsAt?.ns };
  const start = min(given.start, received);
  const { end = received } = given;
  return {
    firing: alert.status === 'firing',
    by: context.reporter,
    given,
    start,
    end: max(min(end, received), start),
    endKnown: given.end !== undefined && end <= received,
    content: {
      severity: severityClass(alert.labels['severity']),
      labels: canonicalLabels(alert.labels),
      annotations: canonicalLabels(alert.annotations),
      generatorUrl: alert.generatorUrl,
    },
    context,
  };
}

/**
 * Whether it starts a life after the newest episode: after an end that was reported, or else clearly later than the newest
 * episode's own start. A start in the future is compared with what the sender gave before, for its clock is its own.
 */
export function startsNextLife(current: EpisodeState, { start, given, context }: Report): boolean {
  const { toleranceNs } = context;
  const { reportedEnd, startsAt, endsAt, anchor, anchorGiven } = current;
  if (given.start === startsAt || given.start === anchorGiven) return false;
  if (given.start === start) return start > (reportedEnd ?? anchor + toleranceNs);
  const end = reportedEnd === undefined ? undefined : endsAt;
  return given.start > (end ?? anchorGiven + toleranceNs);
}

/**
 * Whether a resolve is late: the life that it ends was over before the newest episode began, be it a former episode's or one that
 * was never seen.
 */
export function endsFormerLife(current: EpisodeState, { start, end, endKnown }: Report): boolean {
  if (!endKnown) return false;
  const { startsAt, anchor, anchorGiven, formerUntil } = current;
  if (formerUntil !== undefined && end <= formerUntil) return true;
  // a start that was in the future proves nothing about others, which are earlier than its receipt
  const newest = anchorGiven === anchor ? anchor : min(anchor, startsAt);
  return start < newest && end <= newest;
}

/** Whether a firing, while the newest episode is open, may be a late report about the former one. */
export function mayFireForFormerLife({ formerUntil }: EpisodeState, { given, context }: Report): boolean {
  if (formerUntil === undefined || given.start > formerUntil) return false;
  return BigInt(context.receivedAt - context.staleWindowMs) * 1_000_000n <= formerUntil;
}

/**
 * Whether a firing, while the newest episode is closed, may be late: its reporter has not reported the end, another one has,
 * and not long ago.
 */
export function mayBeStale(
  { reportedEnd, closedAt, closedBy }: EpisodeState,
  { by, context }: Report,
): boolean {
  const { receivedAt, staleWindowMs } = context;
  if (reportedEnd === undefined || closedAt === undefined || closedBy.includes(by)) return false;
  return staleWindowMs > 0 && receivedAt - closedAt <= staleWindowMs;
}

/** Whether a start, as it was given, is the episode's own. */
export function isSameStart(current: EpisodeState, start: bigint, toleranceNs: bigint): boolean {
  const { startsAt, anchorGiven, formerUntil } = current;
  if (formerUntil !== undefined && start <= formerUntil) return false;
  return start >= startsAt - toleranceNs && start <= anchorGiven + toleranceNs;
}

/** The earliest start; what lies in a former episode is not this one's. */
export function earliestStart({ startsAt, formerUntil }: EpisodeState, given: bigint): bigint {
  return formerUntil !== undefined && given <= formerUntil ? startsAt : min(startsAt, given);
}

/** The anchor with the start of a report that closes or reopens. */
export function anchorWith(
  { anchor, anchorGiven }: EpisodeState,
  { start, given }: Report,
): Pick<EpisodeState, 'anchor' | 'anchorGiven'> {
  const later = start > anchor && given.start !== anchorGiven;
  return later ? { anchor: start, anchorGiven: given.start } : { anchor, anchorGiven };
}

/** More reporters than a cluster and its routes have: a sender that invents them must not make rows grow. */
const MAX_REPORTERS = 32;

export function withReporter(list: readonly Reporter[], reporter: Reporter): readonly Reporter[] {
  return list.includes(reporter) ? list : [...list, reporter].slice(-MAX_REPORTERS);
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

export function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
