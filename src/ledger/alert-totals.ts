import type { DuplicateCause } from '../alerts/episode.ts';

/** Counts of what happened to alerts since the thread started. */
export interface AlertTotals {
  readonly duplicates: Readonly<Record<DuplicateCause, number>>;
  /** Episodes that began, or were reopened, within ten minutes of the previous end. */
  readonly flaps: number;
  /** Seconds for which an episode was unacknowledged, up to its acknowledgement. */
  readonly acknowledgeSeconds: Distribution;
  /** Seconds from the start of an episode to its end. */
  readonly resolveSeconds: Distribution;
}

/** A histogram of observations. */
export interface Distribution {
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[];
  /** Observations at or below each bound, then the total: one entry more than `bounds`. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** A minute to a week. */
const ACKNOWLEDGE_BOUNDS: readonly number[] = [
  60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 604_800,
];
/** Ten seconds to a week. */
const RESOLVE_BOUNDS: readonly number[] = [
  10, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 86_400, 604_800,
];

/** The initial values. */
export const EMPTY_TOTALS: AlertTotals = Object.freeze({
  duplicates: Object.freeze({ repeat: 0, resolved: 0, late: 0, held: 0 }),
  flaps: 0,
  acknowledgeSeconds: emptyDistribution(ACKNOWLEDGE_BOUNDS),
  resolveSeconds: emptyDistribution(RESOLVE_BOUNDS),
});

function emptyDistribution(bounds: readonly number[]) {
  return Object.freeze({ bounds, counts: Object.freeze([...bounds.map(() => 0), 0]), sum: 0 });
}
