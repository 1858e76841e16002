import type { EpochMs } from '../domain/clock.ts';
import { toNanoseconds } from '../domain/instant.ts';
import type { Acknowledgement, EpisodeAction, EpisodeAdvance, EpisodeState } from './episode.ts';
import { closedWithoutReport, released, reopened, step } from './episode-machine.ts';
import { max } from './report.ts';

/** What happens to an episode without a delivery: by a person, by time, or by asking its sender. Pure. */
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
        ? step('unacknowledged', released(current, action.at))
        : nothing;
    case 'expire':
      return current.open ? step('expired_unconfirmed', expired(current, action)) : nothing;
    case 'confirm':
      return confirm(current, action.at);
    case 'refute':
      if (current.suspect === undefined) return nothing;
      return { state: { ...current, suspect: undefined }, transitions: [] };
    case 'time':
      return passTime(current, action.at);
  }
}

/** When `act` next has something to do because of time alone. */
export function nextTimer(state: EpisodeState): EpochMs | undefined {
  if (state.suspect !== undefined) return state.suspect.until;
  return state.open ? state.acknowledgement?.expiresAt : undefined;
}

/** The sender's own list has the alert: believed unless an end was reported that is not already in doubt. */
function confirm(current: EpisodeState, at: EpochMs): EpisodeAdvance {
  const { open, suspect, reportedEnd } = current;
  if (open || (suspect === undefined && reportedEnd !== undefined))
    return { state: current, transitions: [] };
  return step('reopened', reopened(current, { at, sameStart: suspect?.sameStart ?? true }));
}

function passTime(current: EpisodeState, now: EpochMs): EpisodeAdvance {
  const due = nextTimer(current);
  if (due === undefined || due > now) return { state: current, transitions: [] };
  return current.suspect === undefined ? step('ack_expired', released(current, now)) : confirm(current, now);
}

function expired(
  current: EpisodeState,
  { at, lastReceivedAt }: { at: EpochMs; lastReceivedAt: EpochMs },
): EpisodeState {
  const endsAt = max(toNanoseconds(lastReceivedAt), current.startsAt);
  return closedWithoutReport(current, { endsAt, at });
}

function isSame(one: Acknowledgement | undefined, other: Acknowledgement): boolean {
  return one?.by === other.by && one.comment === other.comment && one.expiresAt === other.expiresAt;
}
