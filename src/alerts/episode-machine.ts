import type { EpochMs } from '../domain/clock.ts';
import { toNanoseconds, type EpochNs } from '../domain/instant.ts';
import { severityRises, type Alert, type SeverityClass } from './alert.ts';
import type {
  DuplicateCause,
  EpisodeAdvance,
  EpisodeContext,
  EpisodeState,
  EpisodeTransition,
} from './episode.ts';
import {
  anchorWith,
  earliestStart,
  endsFormerLife,
  isSameStart,
  max,
  mayBeStale,
  mayFireForFormerLife,
  min,
  alertUpdateOf,
  startsNextLife,
  withReporter,
  type AlertUpdate,
} from './alert-update.ts';

/**
 * The episode machine: applies one alert of a delivery to the newest episode of the same identity. Pure; applying the
 * same report twice changes nothing and yields no transition.
 * @param current the newest episode; undefined if the alert was never seen
 */
export function advance(
  current: EpisodeState | undefined,
  alert: Alert,
  context: EpisodeContext,
): EpisodeAdvance {
  const report = alertUpdateOf(alert, context);
  if (current === undefined) return beginEpisode(report, undefined);
  if (report.firing)
    return current.open ? applyFiringWhileOpen(current, report) : applyFiringWhileClosed(current, report);
  if (endsFormerLife(current, report)) return duplicate(withoutFormerSuspicion(current), 'late');
  if (!current.open) return applyResolvedWhileClosed(current, report);
  // reopened after a reported end, and this is the end of a later life
  const skipsOne = current.reportedEnd !== undefined && startsNextLife(current, report);
  return skipsOne ? closeImplicitly(current, report) : closeEpisode(current, report);
}

/** The first episode, or the next one after `former`. */
function beginEpisode(report: AlertUpdate, former: EpisodeState | undefined): EpisodeAdvance {
  const { content, firing, by, given, start, end } = report;
  const { receivedAt } = report.context;
  const acknowledgement = former === undefined ? undefined : acknowledgementCarriedOver(former, report);
  const state: EpisodeState = {
    number: (former?.number ?? 0) + 1,
    ordinal: 1,
    open: firing,
    startsAt: given.start,
    anchor: start,
    anchorGiven: given.start,
    endsAt: firing ? undefined : max(given.end ?? end, given.start),
    reportedEnd: firing ? undefined : end,
    formerUntil: former === undefined ? undefined : endOfFormer(former, report.context),
    closedBy: firing ? [] : [by],
    acknowledged: acknowledgement !== undefined,
    acknowledgement,
    unacknowledgedSince: receivedAt,
    closedAt: firing ? undefined : receivedAt,
    suspect: undefined,
    // listed one by one: spreading them costs as much as storing the episode
    severity: content.severity,
    labels: content.labels,
    annotations: content.annotations,
    generatorUrl: content.generatorUrl,
  };
  const first: EpisodeAdvance = {
    state,
    transitions: [{ transition: firing ? 'fired' : 'resolved_unseen', episode: state }],
  };
  if (former === undefined) return first;
  // a later life is known: the former episode does not reopen, and its timer ends
  const settled = former.suspect === undefined ? {} : { former: { ...former, suspect: undefined } };
  return { ...endAcknowledgementIfWorse(first, former.severity, receivedAt), ...settled };
}

/**
 * An acknowledgement carries over to the next episode only if the end between them may have been withheld by the
 * sender: within one group_interval of the last report. After a longer gap the life ended unseen, and its
 * acknowledgement with it.
 */
function acknowledgementCarriedOver(
  former: EpisodeState,
  { start, context }: AlertUpdate,
): EpisodeState['acknowledgement'] {
  if (!former.open) return undefined;
  const explained = toNanoseconds(context.lastReceivedAt + context.groupIntervalMs);
  return start <= explained ? former.acknowledgement : undefined;
}

/** Anything up to this instant belongs to `former`. */
function endOfFormer(former: EpisodeState, { receivedAt, toleranceNs }: EpisodeContext): EpochNs {
  const end = former.open ? former.reportedEnd : former.endsAt;
  return min(end ?? former.anchor + toleranceNs, toNanoseconds(receivedAt));
}

function applyFiringWhileOpen(current: EpisodeState, report: AlertUpdate): EpisodeAdvance {
  if (startsNextLife(current, report)) return closeImplicitly(current, report);
  if (mayFireForFormerLife(current, report)) return duplicate(current, 'late');
  const { content, given } = report;
  const startsAt = earliestStart(current, given.start);
  const { labels, annotations } = content;
  if (labels === current.labels && annotations === current.annotations) {
    return duplicate(startsAt === current.startsAt ? current : { ...current, startsAt }, 'repeat');
  }
  const ordinal = current.ordinal + 1;
  const refreshed = transitionTo('refreshed', { ...current, ...content, startsAt, ordinal });
  return endAcknowledgementIfWorse(refreshed, current.severity, report.context.receivedAt);
}

/** Whoever acknowledged a warning did not acknowledge a critical alert: a rise in severity ends the acknowledgement. */
function endAcknowledgementIfWorse(done: EpisodeAdvance, last: SeverityClass, at: EpochMs): EpisodeAdvance {
  if (!done.state.acknowledged || !severityRises(last, done.state.severity)) return done;
  const broken = withAcknowledgementEnded(done.state, at);
  return {
    state: broken,
    transitions: [...done.transitions, { transition: 'unacknowledged', episode: broken }],
  };
}

/** A later life is reported without an end of this one: the pause was within the sender's group_interval. */
function closeImplicitly(current: EpisodeState, report: AlertUpdate): EpisodeAdvance {
  const endsAt = max(report.given.start, current.startsAt);
  const closed = closedWithoutReport(current, { endsAt, at: report.context.receivedAt });
  const next = beginEpisode(report, current);
  return {
    state: next.state,
    transitions: [{ transition: 'implicit_resolve', episode: closed }, ...next.transitions],
  };
}

function closeEpisode(current: EpisodeState, report: AlertUpdate): EpisodeAdvance {
  const { content, by, given, end } = report;
  const startsAt = earliestStart(current, given.start);
  return transitionTo('resolved', {
    ...current,
    ...content,
    ...anchorWith(current, report),
    ordinal: current.ordinal + 1,
    open: false,
    startsAt,
    endsAt: max(given.end ?? end, max(given.start, startsAt)),
    reportedEnd: end,
    closedBy: [by],
    closedAt: report.context.receivedAt,
    suspect: undefined,
  });
}

function applyFiringWhileClosed(current: EpisodeState, report: AlertUpdate): EpisodeAdvance {
  if (startsNextLife(current, report)) return beginEpisode(report, current);
  if (mayBeStale(current, report)) return holdAsSuspect(current, report);
  const { content, given, context } = report;
  const back = reopened(current, {
    at: context.receivedAt,
    sameStart: isSameStart(current, given.start, context.toleranceNs),
  });
  return transitionTo('reopened', {
    ...back,
    ...content,
    ...anchorWith(current, report),
    startsAt: earliestStart(current, given.start),
  });
}

/** The end of a former life refutes a suspicion raised by the start of one. */
function withoutFormerSuspicion(current: EpisodeState): EpisodeState {
  return current.suspect?.sameStart === false ? { ...current, suspect: undefined } : current;
}

function holdAsSuspect(current: EpisodeState, { given, context }: AlertUpdate): EpisodeAdvance {
  if (current.suspect !== undefined) return duplicate(current, 'held');
  const until = context.receivedAt + context.staleHoldMs;
  const sameStart = isSameStart(current, given.start, context.toleranceNs);
  return transitionTo('stale_suspect', {
    ...current,
    ordinal: current.ordinal + 1,
    suspect: { until, sameStart },
  });
}

/**
 * An end was reported again, by the same sender or another member of the cluster. It refutes a suspicion no matter who
 * reports it: members share a log of what they have sent, so the one that was late does not correct itself, and one
 * that knows the alert fires reports it again.
 */
function applyResolvedWhileClosed(current: EpisodeState, report: AlertUpdate): EpisodeAdvance {
  if (startsNextLife(current, report)) return beginEpisode(report, current);
  const { by, given, end, endKnown } = report;
  const { reportedEnd } = current;
  const next: Pick<EpisodeState, 'endsAt' | 'reportedEnd' | 'closedBy' | 'suspect'> = {
    endsAt: laterEnd(current, given.end),
    reportedEnd: reportedEnd === undefined ? end : endKnown ? min(reportedEnd, end) : reportedEnd,
    closedBy: withReporter(current.closedBy, by),
    suspect: undefined,
  };
  const same =
    next.endsAt === current.endsAt &&
    next.reportedEnd === reportedEnd &&
    next.closedBy === current.closedBy &&
    current.suspect === undefined;
  return duplicate(same ? current : { ...current, ...next }, 'resolved');
}

/** A reported end replaces an inferred one; of several reported ends the latest counts. */
function laterEnd(
  { endsAt, reportedEnd, startsAt }: EpisodeState,
  given: EpochNs | undefined,
): EpisodeState['endsAt'] {
  if (given === undefined) return endsAt;
  const known = reportedEnd === undefined ? undefined : endsAt;
  return max(given, known ?? startsAt);
}

export function closedWithoutReport(
  current: EpisodeState,
  { endsAt, at }: { endsAt: EpochNs; at: EpochMs },
): EpisodeState {
  const ordinal = current.ordinal + 1;
  return {
    ...current,
    ...{ ordinal, open: false, endsAt, closedAt: at, closedBy: [] },
    ...{ reportedEnd: undefined, suspect: undefined },
  };
}

/**
 * The same episode continues. If it is reported with its own start, it never ended (a copy of the alert timed out), and
 * its acknowledgement stays. With another start it fired again, and whoever acknowledged it thought it was over.
 */
export function reopened(
  current: EpisodeState,
  { at, sameStart }: { at: EpochMs; sameStart: boolean },
): EpisodeState {
  const { endsAt, reportedEnd } = current;
  const back: EpisodeState = {
    ...current,
    open: true,
    ordinal: current.ordinal + 1,
    endsAt: undefined,
    reportedEnd: reportedEnd === undefined ? undefined : min(endsAt ?? reportedEnd, toNanoseconds(at)),
    closedAt: undefined,
    closedBy: [],
    suspect: undefined,
  };
  return current.acknowledged && sameStart ? back : withoutAcknowledgement(back, at);
}

export function withAcknowledgementEnded(current: EpisodeState, at: EpochMs): EpisodeState {
  return withoutAcknowledgement({ ...current, ordinal: current.ordinal + 1 }, at);
}

function withoutAcknowledgement(current: EpisodeState, at: EpochMs): EpisodeState {
  return { ...current, acknowledged: false, acknowledgement: undefined, unacknowledgedSince: at };
}

function duplicate(state: EpisodeState, cause: DuplicateCause): EpisodeAdvance {
  return { state, transitions: [], duplicate: cause };
}

export function transitionTo(
  transition: EpisodeTransition['transition'],
  state: EpisodeState,
): EpisodeAdvance {
  return { state, transitions: [{ transition, episode: state }] };
}
