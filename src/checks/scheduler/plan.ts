/** What the plan needs to know of a check. */
export interface Scheduled {
  readonly key: string;
  /** What the per-host cap counts by. */
  readonly host: string;
  readonly intervalMs: number;
  /** Of a check that ran before this process began: where to go on. */
  readonly resumes?: Resumption;
}

/** What is left of a check's schedule from another life. */
export interface Resumption {
  /** Start of its last run, milliseconds since the epoch. */
  readonly startedAt: number;
  /** The interval that run asked for; undefined: its own. */
  readonly wantedMs: number | undefined;
  /** How long that run took, ms. */
  readonly tookMs: number;
}

/** At most this many first runs are started a second, so that a start does not become a storm. */
const FIRST_RUNS_PER_SECOND = 200;

/**
 * Where in its interval a check runs: spread evenly by its identity, the same after every restart.
 * @returns milliseconds in [0, intervalMs)
 */
export function phaseMs(key: string, intervalMs: number): number {
  return Math.floor(fraction(key) * intervalMs);
}

/** The first time on the check's grid (`phase + n × interval`) that is not before `earliest`; all in ms. */
export function onGrid(check: Scheduled, earliest: number): number {
  const phase = phaseMs(check.key, check.intervalMs);
  return Math.ceil((earliest - phase) / check.intervalMs) * check.intervalMs + phase;
}

/**
 * When a check that never ran is run first: soon, but spread over as long as `checks` of them need.
 * @returns a time in ms at or after `now`
 */
export function firstRun(check: Scheduled, now: number, checks: number): number {
  const spread = Math.min(check.intervalMs, Math.max(1_000, (checks / FIRST_RUNS_PER_SECOND) * 1_000));
  return now + fraction(check.key) * spread;
}

/**
 * When a check is run first that ran before a restart: when it would have been without it. What became due
 * meanwhile is spread like first runs.
 * @param now time in ms since the epoch
 */
export function resumedRun(
  check: Scheduled,
  { startedAt, wantedMs }: Resumption,
  at: { readonly now: number; readonly checks: number },
): number {
  const next = nextRun(check, startedAt, wantedMs);
  // a clock that was set back must not make a check wait for it
  const onTime = next >= at.now && startedAt <= at.now;
  return onTime ? next : firstRun(check, at.now, at.checks);
}

/**
 * When a check is run next after it started at `startedAt`.
 * @param wantedMs an interval other than its own (a retry, an adaptive interval); undefined keeps it on its grid
 */
export function nextRun(check: Scheduled, startedAt: number, wantedMs: number | undefined): number {
  if (wantedMs !== undefined && wantedMs < check.intervalMs) return startedAt + wantedMs;
  return onGrid(check, startedAt + check.intervalMs / 2);
}

/** FNV-1a 32 of the identity, mixed once more (murmur's finaliser), as a fraction of one. */
function fraction(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
