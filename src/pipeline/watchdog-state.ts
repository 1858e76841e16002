import type { WatchdogSighting } from '../alerts/watchdog.ts';
import type { EpochMs, MonotonicMs } from '../domain/clock.ts';

/** `waiting`: too little time has passed since the start to expect a delivery. */
export type WatchdogState = 'fresh' | 'lost' | 'waiting';

/** State of a watchdog. Times are monotonic milliseconds, so that a clock change does not make one `lost`. */
export interface WatchdogStatus {
  readonly state: WatchdogState;
  /** When it was last received, or when waiting for it began. */
  readonly receivedAt: MonotonicMs;
  /** Receipt time of the last delivery. */
  readonly lastSeenAt: EpochMs | undefined;
}

export interface ClockReadings {
  readonly monotonic: MonotonicMs;
  readonly wall: EpochMs;
}

/**
 * The state of a watchdog when Tocsin starts: lost if it was lost before (`wasLost`); fresh if its last delivery is
 * recent enough; otherwise it is given one `expect_every` to arrive, since Tocsin's own downtime proves nothing.
 */
export function initialStatus(
  { lastSeenAt, firing }: Pick<WatchdogSighting, 'lastSeenAt' | 'firing'>,
  expectEveryMs: number,
  { now, wasLost }: { now: ClockReadings; wasLost: boolean },
): WatchdogStatus {
  const age = lastSeenAt === undefined ? Number.POSITIVE_INFINITY : now.wall - lastSeenAt;
  if (wasLost) return { state: 'lost', receivedAt: now.monotonic, lastSeenAt };
  const fresh = firing && age >= 0 && age <= expectEveryMs;
  if (fresh) return { state: 'fresh', receivedAt: now.monotonic - age, lastSeenAt };
  return { state: 'waiting', receivedAt: now.monotonic, lastSeenAt };
}

/**
 * The next state: a delivery makes it fresh; `expect_every` without one, or the sender resolving it, makes it lost.
 * Pure.
 */
export function nextStatus(
  last: WatchdogStatus,
  { lastSeenAt, firing }: Pick<WatchdogSighting, 'lastSeenAt' | 'firing'>,
  { expectEveryMs, monotonic }: { expectEveryMs: number; monotonic: MonotonicMs },
): WatchdogStatus {
  const received = lastSeenAt !== undefined && lastSeenAt !== last.lastSeenAt;
  if (received && firing) return { state: 'fresh', receivedAt: monotonic, lastSeenAt };
  const ended = last.state === 'fresh' && !firing;
  const late = monotonic - last.receivedAt > expectEveryMs;
  return ended || late ? { ...last, state: 'lost', lastSeenAt } : { ...last, lastSeenAt };
}
