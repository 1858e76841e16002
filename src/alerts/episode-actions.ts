import type { EpochMs } from '../domain/clock.ts';
import { toNanoseconds } from '../domain/instant.ts';
import type { Acknowledgement, EpisodeAction, EpisodeAdvance, EpisodeState } from './episode.ts';
import { closedWithoutReport, withAcknowledgementEnded, reopened, transitionTo } from './episode-machine.ts';
import { max } from './alert-update.ts';

/** What happens to an episode without a delivery: by a person, by time, or by asking its sender. Pure. */
export function applyAction(current: EpisodeState, action: EpisodeAction): EpisodeAdvance {
  const nothing: EpisodeAdvance = { state: current, transitions: [] };
  switch (action.kind) {
    case 'acknowledge':
      if (!current.open || isSameAcknowledgement(current.acknowledgement, action.acknowledgement))
        return nothing;
      return transitionTo('acknowledged', {
        ...current,
        ordinal: current.ordinal + 1,
        acknowledged: true,
        acknowledgement: action.acknowledgement,
      });
    case 'unacknowledge':
      return current.open && current.acknowledged
        ? transitionTo('unacknowledged', withAcknowledgementEnded(current, action.at))
        : nothing;
    case 'expire':
      return current.open ? transitionTo('expired_unconfirmed', expiredEpisode(current, action)) : nothing;
    case 'confirm':
      return confirmFiring(current, action.at);
    case 'refute':
      if (current.suspect === undefined) return nothing;
      return { state: { ...current, suspect: undefined }, transitions: [] };
    case 'time':
      return applyTimers(current, action.at);
  }
}

/** When `applyAction` next has something to do because of time alone. */
export function nextTimer(state: EpisodeState): EpochMs | undefined {
  if (state.suspect !== undefined) return state.suspect.until;
  return state.open ? state.acknowledgement?.expiresAt : undefined;
}

/** The sender's own list has the alert: believed unless an end was reported that is not already in doubt. */
function confirmFiring(current: EpisodeState, at: EpochMs): EpisodeAdvance {
  const { open, suspect, reportedEnd } = current;
  if (open || (suspect === undefined && reportedEnd !== undefined))
    return { state: current, transitions: [] };
  return transitionTo('reopened', reopened(current, { at, sameStart: suspect?.sameStart ?? true }));
}

function applyTimers(current: EpisodeState, now: EpochMs): EpisodeAdvance {
  const due = nextTimer(current);
  if (due === undefined || due > now) return { state: current, transitions: [] };
  return current.suspect === undefined
    ? transitionTo('ack_expired', withAcknowledgementEnded(current, now))
    : confirmFiring(current, now);
}

function expiredEpisode(
  current: EpisodeState,
  { at, lastReceivedAt }: { at: EpochMs; lastReceivedAt: EpochMs },
): EpisodeState {
  const endsAt = max(toNanoseconds(lastReceivedAt), current.startsAt);
  return closedWithoutReport(current, { endsAt, at });
}

function isSameAcknowledgement(one: Acknowledgement | undefined, other: Acknowledgement): boolean {
  return one?.by === other.by && one.comment === other.comment && one.expiresAt === other.expiresAt;
}
