import { severityClass, type Alert } from '../domain/alert.ts';
import type { EpisodeAdvance, EpisodeContext, EpisodeState, EpisodeTransition } from '../domain/episode.ts';
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
  if (isFormer(current, word)) return { state: current, transitions: [] };
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
  const state: EpisodeState = {
    ...word.content,
    number: (former?.number ?? 0) + 1,
    ordinal: 1,
    open: word.firing,
    startsAt: word.start,
    anchor: word.start,
    endsAt: word.firing ? undefined : max(word.end, word.start),
    formerUntil: former === undefined ? undefined : reach(former, word.tolerance),
    // only an implicit resolve leaves an acknowledgement to hand over: a closed episode has answered its own
    acknowledged: former?.open === true && former.acknowledged,
  };
  return { state, transitions: [{ transition: word.firing ? 'fired' : 'resolved_unseen', episode: state }] };
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
    return { state: startsAt === current.startsAt ? current : { ...current, startsAt }, transitions: [] };
  }
  return step('refreshed', { ...current, ...word.content, startsAt, ordinal: current.ordinal + 1 });
}

/** It fired anew without its resolve having been told: the flap lay within the sender's group_interval. */
function closeImplicitly(current: EpisodeState, word: Word): EpisodeAdvance {
  const closed = { ...current, open: false, ordinal: current.ordinal + 1, endsAt: word.start };
  const next = begin(word, current);
  return {
    state: next.state,
    transitions: [{ transition: 'implicit_resolve', episode: closed }, ...next.transitions],
  };
}

function close(current: EpisodeState, word: Word): EpisodeAdvance {
  return step('resolved', {
    ...current,
    ...word.content,
    open: false,
    ordinal: current.ordinal + 1,
    startsAt: min(current.startsAt, word.start),
    anchor: max(current.anchor, word.start),
    endsAt: max(word.end, max(word.start, current.startsAt)),
  });
}

function firesAgain(current: EpisodeState, word: Word): EpisodeAdvance {
  if (word.start > reach(current, word.tolerance)) return begin(word, current);
  return step('reopened', {
    ...current,
    ...word.content,
    open: true,
    ordinal: current.ordinal + 1,
    startsAt: min(current.startsAt, word.start),
    anchor: max(current.anchor, word.start),
    endsAt: undefined,
    acknowledged: false,
  });
}

function resolvesAgain(current: EpisodeState, word: Word): EpisodeAdvance {
  if (word.start > reach(current, word.tolerance)) return begin(word, current);
  if (!word.endGiven || word.end <= (current.endsAt ?? word.start))
    return { state: current, transitions: [] };
  return { state: { ...current, endsAt: word.end }, transitions: [] };
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
