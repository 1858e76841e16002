import type { EpochMs } from '../domain/clock.ts';
import type { LabelSet } from '../domain/labels.ts';

/** An alert that always fires, selected by all of these labels. */
export interface WatchdogRule {
  readonly name: string;
  readonly match: LabelSet;
}

/** What deliveries have shown about a watchdog. */
export interface WatchdogSighting {
  readonly name: string;
  /** When it was last delivered as firing; undefined: never. */
  readonly lastSeenAt: EpochMs | undefined;
  /** Whether an episode of it is open; the sender resolves it when it is no longer renewed. */
  readonly firing: boolean;
}

/** Whether an alert matches the watchdog. */
export function isWatchdog({ match }: WatchdogRule, labels: LabelSet): boolean {
  for (const name in match) if (labels[name] !== match[name]) return false;
  return true;
}
