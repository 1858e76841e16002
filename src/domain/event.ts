import type { EpochMs } from './clock.ts';
import type { CheckState } from './service.ts';

/** The transitions of an episode that the ledger records, each once. */
export const TRANSITIONS = [
  'fired',
  'refreshed',
  'resolved',
  'resolved_unseen',
  'implicit_resolve',
  'reopened',
  'stale_suspect',
  'expired_unconfirmed',
  'acknowledged',
  'unacknowledged',
  'ack_expired',
] as const;
export type Transition = (typeof TRANSITIONS)[number];

export type EventType =
  | `tocsin.alert.${Transition}`
  | `tocsin.check.${CheckState}`
  | `tocsin.cluster.${Exclude<CheckState, 'unknown'>}`
  | 'tocsin.config.reloaded'
  | 'tocsin.watchdog.lost'
  | 'tocsin.watchdog.restored';

/** An event before the ledger gives it its offset. */
export interface NewEvent {
  readonly type: EventType;
  /** A fingerprint or a service. */
  readonly subject?: string;
  readonly time: EpochMs;
  /** The structured record: JSON values, snake_case. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** An immutable record of the ledger, as read from there. */
export interface CloudEvent {
  /** `<ledger epoch>-<offset>`; offsets are gapless within an epoch. */
  readonly id: string;
  readonly type: string;
  readonly subject?: string;
  /** RFC 3339, UTC. */
  readonly time: string;
  readonly data: unknown;
  /**
   * The whole event, as the API and the sinks send it.
   * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
   */
  readonly json: string;
}

/** The parts of an event's id; undefined when it is invalid. */
export function parseEventId(id: string): { readonly epoch: string; readonly offset: number } | undefined {
  const [, epoch, offset] = /^(.+)-(\d{1,15})$/.exec(id) ?? [];
  return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
}
