import { severityClass, severityRises, type Alert, type SeverityClass } from '../domain/alert.ts';
import type {
  Acknowledgement,
  DuplicateCause,
  EpisodeAction,
  EpisodeAdvance,
  EpisodeContext,
  EpisodeState,
  EpisodeTransition,
} from '../domain/episode.ts';
import { canonicalLabels } from '../domain/labels.ts';

/** What an alert says, in the machine's terms. */
interface Word {
  readonly firing: boolean;
  readonly start: bigint;
  /** Of a resolved alert; the time of receipt where the sender gave none. */
  readonly end: bigint;
  readonly endGiven: boolean;
  readonly tolerance: bigint;
  readonly content: Pick<EpisodeState, 'severity' | 'labels' | 'annotations' | 'generatorUrl'>;
  readonly context: EpisodeContext;
}

/**
 * The episode machine: what one alert of a delivery does to the newest episode of its identity.
 * Pure; the same word said again changes nothing and gives no transition.
 * @param current the newest episode; undefined when the alert was never seen
 */
export function advance(
  current: EpisodeState | undefined,
  alert: Alert,
  context: EpisodeContext,
): EpisodeAdvance {
  const word = wordOf(alert, context);
  if (current === undefined) return begin(word, undefined);
  if (isFormer(current, word)) return duplicate(current, 'late');
  if (current.open) return word.firing ? firesOn(current, word) : close(current, word);
  return word.firing ? firesAgain(current, word) : resolvesAgain(current, word);
}

function wordOf(alert: Alert, context: EpisodeContext): Word {
  return {
    firing: alert.status === 'firing',
    start: alert.startsAt.ns,
    end: alert.endsAt?.ns ?? BigInt(context.receivedAt) * 1_000_000n,
    endGiven: alert.endsAt !== undefined,
    tolerance: context.toleranceNs,
    content: {
      severity: severityClass(alert.labels['severity']),
      labels: canonicalLabels(alert.labels),
      annotations: canonicalLabels(alert.annotations),
      generatorUrl: alert.generatorUrl,
    },
    context,
  };
}

/** Late word of an episode before the newest one, whether that one was recorded or never seen. */
function isFormer(current: EpisodeState, word: Word): boolean {
  if (current.formerUntil !== undefined && word.start <= current.formerUntil) return true;
  const endedBefore = !word.firing && word.end <= current.anchor;
  return endedBefore && word.start < current.anchor - word.tolerance;
}

/** The first episode, or the next one after `former`. */
function begin(word: Word, former: EpisodeState | undefined): EpisodeAdvance {
  const { content } = word;
  const { receivedAt, peer } = word.context;
  // only an implicit resolve leaves an acknowledgement to hand over: a closed episode has answered its own
  const acknowledgement = former?.open === true ? former.acknowledgement : undefined;
  const state: EpisodeState = {
    number: (former?.number ?? 0) + 1,
    ordinal: 1,
    open: word.firing,
    startsAt: word.start,
    anchor: word.start,
    endsAt: word.firing ? undefined : max(word.end, word.start),
    formerUntil: former === undefined ? undefined : reach(former, word.tolerance),
    acknowledged: acknowledgement !== undefined,
    acknowledgement,
    unacknowledgedSince: receivedAt,
    closedAt: word.firing ? undefined : receivedAt,
    closedBy: word.firing ? [] : [peer],
    suspectUntil: undefined,
    // one by one: spreading them costs as much as storing the episode
    severity: content.severity,
    labels: content.labels,
    annotations: content.annotations,
    generatorUrl: content.generatorUrl,
  };
  const first: EpisodeAdvance = {
    state,
    transitions: [{ transition: word.firing ? 'fired' : 'resolved_unseen', episode: state }],
  };
  return former === undefined ? first : unlessWorse(first, former.severity, receivedAt);
}

/** The last start that is still taken for this episode's own. */
function reach(state: EpisodeState, tolerance: bigint): bigint {
  const same = state.anchor + tolerance;
  return state.endsAt === undefined ? same : max(same, state.endsAt);
}

function firesOn(current: EpisodeState, word: Word): EpisodeAdvance {
  if (word.start > reach(current, word.tolerance)) return closeImplicitly(current, word);
  const startsAt = min(current.startsAt, word.start);
  const { labels, annotations } = word.content;
  if (labels === current.labels && annotations === current.annotations) {
    return duplicate(startsAt === current.startsAt ? current : { ...current, startsAt }, 'repeat');
  }
  const refreshed = step('refreshed', {
    ...current,
    ...word.content,
    startsAt,
    ordinal: current.ordinal + 1,
  });
  return unlessWorse(refreshed, current.severity, word.context.receivedAt);
}

/** Who took a warning did not take what is critical now: the acknowledgement breaks when severity rises. */
function unlessWorse(done: EpisodeAdvance, last: SeverityClass, at: number): EpisodeAdvance {
  if (!done.state.acknowledged || !severityRises(last, done.state.severity)) return done;
  const broken = release(done.state, at);
  return {
    state: broken,
    transitions: [...done.transitions, { transition: 'unacknowledged', episode: broken }],
  };
}

/** It fired anew without its resolve having been told: the flap lay within the sender's group_interval. */
function closeImplicitly(current: EpisodeState, word: Word): EpisodeAdvance {
  const closed = ended(current, { endsAt: word.start, at: word.context.receivedAt, by: [] });
  const next = begin(word, current);
  return {
    state: next.state,
    transitions: [{ transition: 'implicit_resolve', episode: closed }, ...next.transitions],
  };
}

function close(current: EpisodeState, word: Word): EpisodeAdvance {
  const { receivedAt, peer } = word.context;
  const endsAt = max(word.end, max(word.start, current.startsAt));
  return step('resolved', {
    ...ended({ ...current, ...word.content }, { endsAt, at: receivedAt, by: [peer] }),
    startsAt: min(current.startsAt, word.start),
    anchor: max(current.anchor, word.start),
  });
}

function ended(
  current: EpisodeState,
  { endsAt, at, by }: { endsAt: bigint; at: number; by: readonly string[] },
): EpisodeState {
  const ordinal = current.ordinal + 1;
  return { ...current, open: false, ordinal, endsAt, closedAt: at, closedBy: by, suspectUntil: undefined };
}

function firesAgain(current: EpisodeState, word: Word): EpisodeAdvance {
  if (word.start > reach(current, word.tolerance)) return begin(word, current);
  if (maybeStale(current, word.context)) {
    if (current.suspectUntil !== undefined) return duplicate(current, 'held');
    const { receivedAt, staleHoldMs } = word.context;
    const ordinal = current.ordinal + 1;
    return step('stale_suspect', { ...current, ordinal, suspectUntil: receivedAt + staleHoldMs });
  }
  return step('reopened', {
    ...reopened({ ...current, ...word.content }, word.context.receivedAt),
    startsAt: min(current.startsAt, word.start),
    anchor: max(current.anchor, word.start),
  });
}

/**
 * Whether the firing may be what a peer sent late: it has not told the end itself, another one has, and not long ago.
 * A peer's own words come in order.
 */
function maybeStale(
  { closedAt, closedBy }: EpisodeState,
  { peer, receivedAt, staleWindowMs }: EpisodeContext,
): boolean {
  if (closedAt === undefined || closedBy.length === 0 || closedBy.includes(peer)) return false;
  return receivedAt - closedAt <= staleWindowMs;
}

/** The same episode goes on; whoever had it took it for over. */
function reopened(current: EpisodeState, at: number): EpisodeState {
  return {
    ...current,
    open: true,
    ordinal: current.ordinal + 1,
    endsAt: undefined,
    acknowledged: false,
    acknowledgement: undefined,
    unacknowledgedSince: at,
    closedAt: undefined,
    closedBy: [],
    suspectUntil: undefined,
  };
}

function resolvesAgain(current: EpisodeState, word: Word): EpisodeAdvance {
  if (word.start > reach(current, word.tolerance)) return begin(word, current);
  const { peer } = word.context;
  const last = current.endsAt ?? word.start;
  const endsAt = word.endGiven ? max(last, word.end) : last;
  const closedBy = current.closedBy.includes(peer) ? current.closedBy : [...current.closedBy, peer];
  const nothingNew = endsAt === last && closedBy === current.closedBy && current.suspectUntil === undefined;
  if (nothingNew) return duplicate(current, 'resolved');
  return duplicate({ ...current, endsAt, closedBy, suspectUntil: undefined }, 'resolved');
}

/** What happens to an episode by a person, by time, or because its sender was asked. Pure. */
export function act(current: EpisodeState, action: EpisodeAction): EpisodeAdvance {
  const nothing: EpisodeAdvance = { state: current, transitions: [] };
  switch (action.kind) {
    case 'acknowledge':
      if (!current.open || isSame(current.acknowledgement, action.acknowledgement)) return nothing;
      return step('acknowledged', {
        ...current,
        ordinal: current.ordinal + 1,
        acknowledged: true,
        acknowledgement: action.acknowledgement,
      });
    case 'unacknowledge':
      return current.open && current.acknowledged
        ? step('unacknowledged', release(current, action.at))
        : nothing;
    case 'expire':
      return current.open ? step('expired_unconfirmed', expired(current, action)) : nothing;
    case 'confirm':
      return current.suspectUntil === undefined ? nothing : step('reopened', reopened(current, action.at));
    case 'refute':
      if (current.suspectUntil === undefined) return nothing;
      return { state: { ...current, suspectUntil: undefined }, transitions: [] };
    case 'time':
      return passTime(current, action.at);
  }
}

/** When `act` has something to do by itself, milliseconds since the epoch. */
export function nextTimer(state: EpisodeState): number | undefined {
  if (state.suspectUntil !== undefined) return state.suspectUntil;
  return state.open ? state.acknowledgement?.expiresAt : undefined;
}

function passTime(current: EpisodeState, now: number): EpisodeAdvance {
  const due = nextTimer(current);
  if (due === undefined || due > now) return { state: current, transitions: [] };
  return current.suspectUntil === undefined
    ? step('ack_expired', release(current, now))
    : step('reopened', reopened(current, now));
}

function expired(
  current: EpisodeState,
  { at, lastReceivedAt }: { at: number; lastReceivedAt: number },
): EpisodeState {
  const endsAt = max(BigInt(lastReceivedAt) * 1_000_000n, current.startsAt);
  return ended(current, { endsAt, at, by: [] });
}

function release(current: EpisodeState, at: number): EpisodeState {
  const ordinal = current.ordinal + 1;
  return { ...current, ordinal, acknowledged: false, acknowledgement: undefined, unacknowledgedSince: at };
}

function isSame(one: Acknowledgement | undefined, other: Acknowledgement): boolean {
  return one?.by === other.by && one.comment === other.comment && one.expiresAt === other.expiresAt;
}

function duplicate(state: EpisodeState, cause: DuplicateCause): EpisodeAdvance {
  return { state, transitions: [], duplicate: cause };
}

function step(transition: EpisodeTransition['transition'], state: EpisodeState): EpisodeAdvance {
  return { state, transitions: [{ transition, episode: state }] };
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
