import type { WatchdogSighting } from '../alerts/watchdog.ts';

/** `waiting`: since the start there was no time yet to hear of it. */
export type WatchdogState = 'fresh' | 'lost' | 'waiting';

/** How a watchdog stands. Times are monotonic milliseconds, so that a clock that is set loses none. */
export interface WatchdogStanding {
  readonly state: WatchdogState;
  /** When it was last heard, or may first be expected. */
  readonly heardAt: number;
  /** What the last delivery was (ms since the epoch). */
  readonly lastSeenAt: number | undefined;
}

export interface WatchdogNow {
  readonly monotonic: number;
  /** Milliseconds since the epoch. */
  readonly wall: number;
}

/**
 * How a watchdog stands when Tocsin starts: fresh while its last delivery is young enough; lost when it was
 * (`wasLost`); else it gets one `expect_every` to be heard, for Tocsin's own absence proves nothing.
 */
export function firstStanding(
  { lastSeenAt, firing }: Pick<WatchdogSighting, 'lastSeenAt' | 'firing'>,
  expectEveryMs: number,
  { now, wasLost }: { now: WatchdogNow; wasLost: boolean },
): WatchdogStanding {
  const age = lastSeenAt === undefined ? Number.POSITIVE_INFINITY : now.wall - lastSeenAt;
  if (wasLost) return { state: 'lost', heardAt: now.monotonic, lastSeenAt };
  const fresh = firing && age >= 0 && age <= expectEveryMs;
  if (fresh) return { state: 'fresh', heardAt: now.monotonic - age, lastSeenAt };
  return { state: 'waiting', heardAt: now.monotonic, lastSeenAt };
}

/**
 * The next standing: a delivery makes it fresh; `expect_every` without one, or the sender's word that it fires no more, lost.
 * Pure.
 */
export function nextStanding(
  last: WatchdogStanding,
  { lastSeenAt, firing }: Pick<WatchdogSighting, 'lastSeenAt' | 'firing'>,
  { expectEveryMs, monotonic }: { expectEveryMs: number; monotonic: number },
): WatchdogStanding {
  const heard = lastSeenAt !== undefined && lastSeenAt !== last.lastSeenAt;
  if (heard && firing) return { state: 'fresh', heardAt: monotonic, lastSeenAt };
  const ended = last.state === 'fresh' && !firing;
  const late = monotonic - last.heardAt > expectEveryMs;
  return ended || late ? { ...last, state: 'lost', lastSeenAt } : { ...last, lastSeenAt };
}
