import type { EpochMs } from '../../domain/clock.ts';
import { FNV_START, fnvText } from '../../domain/fnv.ts';

/** What the plan needs to know of a check. */
export interface SchedulableCheck {
  readonly key: string;
  /** The key of the per-host cap. */
  readonly host: string;
  readonly intervalMs: number;
  /** For a check that ran before this process started: where to continue. */
  readonly resumes?: Resumption;
}

/** The schedule of a check before the restart. */
export interface Resumption {
  /** Start of its last run. */
  readonly startedAt: EpochMs;
  /** The interval that run asked for; undefined: the check's own. */
  readonly wantedMs: number | undefined;
  /** How long that run took, ms. */
  readonly tookMs: number;
}

/** At most this many first runs start per second, so that a start does not become a storm. */
const FIRST_RUNS_PER_SECOND = 200;

/**
 * The check's offset in its interval: spread evenly by identity, the same after every restart.
 * @returns milliseconds in [0, intervalMs)
 */
export function phaseMs(key: string, intervalMs: number): number {
  return Math.floor(fraction(key) * intervalMs);
}

/** The first time on the check's grid (`phase + n × interval`) that is not before `earliest`. */
export function nextOnGrid(check: SchedulableCheck, earliest: EpochMs): EpochMs {
  const phase = phaseMs(check.key, check.intervalMs);
  return Math.ceil((earliest - phase) / check.intervalMs) * check.intervalMs + phase;
}

/**
 * When to run a check that never ran: soon, but spread over the time that `checks` first runs need.
 * @returns a time at or after `now`
 */
export function firstRun(check: SchedulableCheck, now: EpochMs, checks: number): EpochMs {
  const spread = Math.min(check.intervalMs, Math.max(1_000, (checks / FIRST_RUNS_PER_SECOND) * 1_000));
  return now + fraction(check.key) * spread;
}

/**
 * When to run a check that ran before a restart: as if there had been none. What became due meanwhile is spread like
 * first runs.
 */
export function resumedRun(
  check: SchedulableCheck,
  { startedAt, wantedMs }: Resumption,
  at: { readonly now: EpochMs; readonly checks: number },
): EpochMs {
  const next = nextRun(check, startedAt, wantedMs);
  // a clock that was set back must not delay a check
  const onTime = next >= at.now && startedAt <= at.now;
  return onTime ? next : firstRun(check, at.now, at.checks);
}

/**
 * When to run a check next after it started at `startedAt`.
 * @param wantedMs an interval other than its own (a retry, an adaptive interval); undefined keeps it on its grid
 */
export function nextRun(check: SchedulableCheck, startedAt: EpochMs, wantedMs: number | undefined): EpochMs {
  if (wantedMs !== undefined && wantedMs < check.intervalMs) return startedAt + wantedMs;
  return nextOnGrid(check, startedAt + check.intervalMs / 2);
}

/** FNV-1a of the identity, mixed once more (murmur's finaliser), as a fraction of one. */
function fraction(key: string): number {
  let hash = fnvText(FNV_START, key);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
