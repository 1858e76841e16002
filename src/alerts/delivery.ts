import type { Alert } from './alert.ts';

/** One webhook request after parsing: the alerts that can be taken, and those that cannot. */
export interface Delivery {
  /** As the sender's configuration spells it (on the wire it is quoted for regular expressions). */
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly groupKey: string;
  /** Alerts that the sender cut off (`max_alerts`): the group is not all there. */
  readonly truncatedAlerts: number;
  /** The sender's own address: members of a cluster may tell different ones. */
  readonly externalUrl: string;
  /** Why the sender notified; Alertmanager 0.32 and newer. */
  readonly notificationReason?: string;
  /** Labels of the route; Alertmanager 0.34 and newer. */
  readonly routeLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly Alert[];
  readonly refused: readonly RefusedAlert[];
}

/** An alert of a delivery that cannot be taken; its neighbours are. */
export interface RefusedAlert extends Complaint {
  /** What was sent. */
  readonly value: unknown;
}

/** What is wrong with a body. */
export interface Complaint {
  /** RFC 6901 JSON pointer into the body; `` is the whole of it. */
  readonly pointer: string;
  /** What was found there and what was expected. */
  readonly detail: string;
}

export type ParsedBody =
  { readonly ok: true; readonly delivery: Delivery } | ({ readonly ok: false } & Complaint);
