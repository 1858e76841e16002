import type { LabelSet } from '../domain/labels.ts';

/** An alert that always fires: what carries all of these labels. */
export interface WatchdogRule {
  readonly name: string;
  readonly match: LabelSet;
}

/** What is known of a watchdog from deliveries. */
export interface WatchdogSighting {
  readonly name: string;
  /** When it was last delivered as firing, milliseconds since the epoch; undefined: never. */
  readonly lastSeenAt: number | undefined;
  /** Whether an episode of it is open: its end is told by the sender when nobody renews it. */
  readonly firing: boolean;
}

/** Whether an alert is that watchdog. */
export function isWatchdog({ match }: WatchdogRule, labels: LabelSet): boolean {
  for (const name in match) if (labels[name] !== match[name]) return false;
  return true;
}
