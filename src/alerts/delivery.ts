import type { Alert } from './alert.ts';

/** One webhook request after parsing: the alerts that were accepted, and those that were rejected. */
export interface Delivery {
  /** As in the sender's configuration (in the request it is escaped for regular expressions). */
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly groupKey: string;
  /** Number of alerts that the sender cut off (`max_alerts`): if not 0, the group is incomplete. */
  readonly truncatedAlerts: number;
  /** The sender's own address; members of a cluster may report different ones. */
  readonly externalUrl: string;
  /** Why the sender notified; Alertmanager 0.32 and newer. */
  readonly notificationReason?: string;
  /** Labels of the route; Alertmanager 0.34 and newer. */
  readonly routeLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly Alert[];
  readonly rejected: readonly RejectedAlert[];
}

/** A rejected alert of a delivery; the other alerts are accepted. */
export interface RejectedAlert extends ParseProblem {
  /** The alert as sent. */
  readonly value: unknown;
}

/** Why a body or an alert is invalid. */
export interface ParseProblem {
  /** RFC 6901 JSON pointer into the body; `` is the whole body. */
  readonly pointer: string;
  /** What was found there and what was expected. */
  readonly detail: string;
}

export type ParsedBody =
  { readonly ok: true; readonly delivery: Delivery } | ({ readonly ok: false } & ParseProblem);
