import { severityClass, type Alert } from './alert.ts';
import type { EpisodeContext, EpisodeState, Reporter } from './episode.ts';
import { toNanoseconds, type EpochNs } from '../domain/instant.ts';
import { canonicalLabels } from '../domain/labels.ts';

/** What a delivery reports about one alert. */
export interface AlertUpdate {
  readonly firing: boolean;
  readonly by: Reporter;
  readonly given: { readonly start: EpochNs; readonly end: EpochNs | undefined };
  /** The start, capped at the time of receipt. */
  readonly start: EpochNs;
  /** Of a resolved alert; the time of receipt if the sender gave no end, or a later one. */
  readonly end: EpochNs;
  /** Whether `end` is the sender's. */
  readonly endKnown: boolean;
  readonly content: Pick<EpisodeState, 'severity' | 'labels' | 'annotations' | 'generatorUrl'>;
  readonly context: EpisodeContext;
}

/**
 * A start or an end later than its receipt cannot be right: the sender's clock is ahead, or ours is behind. Such a time
 * is compared as if it were the time of receipt, and stored as reported.
 */
export function alertUpdateOf(alert: Alert, context: EpisodeContext): AlertUpdate {
  const received = toNanoseconds(context.receivedAt);
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
 * Whether the reported life starts after the newest episode: after a reported end, or else clearly later than the
 * episode's own start. A start in the future is compared with earlier uncapped starts, which are by the same clock.
 */
export function startsNextLife(current: EpisodeState, { start, given, context }: AlertUpdate): boolean {
  const { toleranceNs } = context;
  const { reportedEnd, startsAt, endsAt, anchor, anchorGiven } = current;
  if (given.start === startsAt || given.start === anchorGiven) return false;
  if (given.start === start) return start > (reportedEnd ?? anchor + toleranceNs);
  const end = reportedEnd === undefined ? undefined : endsAt;
  return given.start > (end ?? anchorGiven + toleranceNs);
}

/**
 * Whether a resolve is late: the life it ends was over before the newest episode began, whether that life was a former
 * episode or never seen.
 */
export function endsFormerLife(current: EpisodeState, { start, end, endKnown }: AlertUpdate): boolean {
  if (!endKnown) return false;
  const { startsAt, anchor, anchorGiven, formerUntil } = current;
  if (formerUntil !== undefined && end <= formerUntil) return true;
  // a start in the future proves nothing about others, which are earlier than its receipt
  const newest = anchorGiven === anchor ? anchor : min(anchor, startsAt);
  return start < newest && end <= newest;
}

/** Whether a firing, while the newest episode is open, may be a late report about the former one. */
export function mayFireForFormerLife(
  { formerUntil }: EpisodeState,
  { given, context }: AlertUpdate,
): boolean {
  if (formerUntil === undefined || given.start > formerUntil) return false;
  return toNanoseconds(context.receivedAt - context.staleWindowMs) <= formerUntil;
}

/**
 * Whether a firing, while the newest episode is closed, may be late: its reporter has not reported the end, but another
 * one has, and recently.
 */
export function mayBeStale(
  { reportedEnd, closedAt, closedBy }: EpisodeState,
  { by, context }: AlertUpdate,
): boolean {
  const { receivedAt, staleWindowMs } = context;
  if (reportedEnd === undefined || closedAt === undefined || closedBy.includes(by)) return false;
  return staleWindowMs > 0 && receivedAt - closedAt <= staleWindowMs;
}

/** Whether a start, as reported, is the episode's own. */
export function isSameStart(current: EpisodeState, start: EpochNs, toleranceNs: bigint): boolean {
  const { startsAt, anchorGiven, formerUntil } = current;
  if (formerUntil !== undefined && start <= formerUntil) return false;
  return start >= startsAt - toleranceNs && start <= anchorGiven + toleranceNs;
}

/** The earliest start; a start within a former episode does not count. */
export function earliestStart({ startsAt, formerUntil }: EpisodeState, given: EpochNs): EpochNs {
  return formerUntil !== undefined && given <= formerUntil ? startsAt : min(startsAt, given);
}

/** The anchor after a report that closes or reopens the episode. */
export function anchorWith(
  { anchor, anchorGiven }: EpisodeState,
  { start, given }: AlertUpdate,
): Pick<EpisodeState, 'anchor' | 'anchorGiven'> {
  const later = start > anchor && given.start !== anchorGiven;
  return later ? { anchor: start, anchorGiven: given.start } : { anchor, anchorGiven };
}

/** More reporters than a cluster and its routes have; the limit keeps a sender that invents them from growing rows. */
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
