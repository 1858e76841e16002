import type { EpisodeState, ExpiryCause } from '../alerts/episode.ts';
import type { EpochMs } from '../domain/clock.ts';
import { formatInstant } from '../domain/instant.ts';
import type { LabelSet } from '../domain/labels.ts';

/** Data shared by all events of a delivery. */
interface CommonContext {
  readonly webhook: string;
  readonly receiver: string;
  /** When it was received, or happened. */
  readonly receivedAt: EpochMs;
  /** Of the delivery; absent if a person or a timer caused the event. */
  readonly groupKey?: string;
  readonly truncatedAlerts?: number;
  readonly notificationReason?: string | undefined;
  readonly routeLabels?: LabelSet;
}

/** Data of an event besides the episode itself. */
interface AlertEventContext {
  readonly values?: Readonly<Record<string, number>> | undefined;
  /** Only for `expired_unconfirmed`. */
  readonly cause?: ExpiryCause | undefined;
}

/** Members of `data` shared by all events of a delivery, as JSON text without the braces. */
export function commonEventData(context: CommonContext): string {
  const { routeLabels = {} } = context;
  return JSON.stringify({
    webhook: context.webhook,
    receiver: context.receiver,
    group_key: context.groupKey,
    truncated: context.truncatedAlerts,
    notification_reason: context.notificationReason,
    route_labels: Object.keys(routeLabels).length > 0 ? routeLabels : undefined,
    received_at: rfc3339(context.receivedAt),
  }).slice(1, -1);
}

/**
 * Members of an alert event's `data` as JSON text, except those shared by its delivery, its identity (transition,
 * episode, fingerprint) and its texts (labels, annotations, generator_url).
 */
export function alertEventData(episode: EpisodeState, { values, cause }: AlertEventContext): string {
  const { ordinal, severity, acknowledged, acknowledgement, suspect, startsAt, endsAt } = episode;
  const state = episode.open ? 'open' : 'closed';
  // written by hand: there may be fifty thousand a second
  const always =
    `{"ordinal":${ordinal},"state":"${state}","severity":"${severity}","acknowledged":${acknowledged},` +
    `"starts_at":"${formatInstant(startsAt)}"`;
  const rest = JSON.stringify({
    ends_at: endsAt === undefined ? undefined : formatInstant(endsAt),
    values,
    cause,
    acknowledged_by: acknowledgement?.by,
    comment: acknowledgement?.comment,
    acknowledged_at: rfc3339(acknowledgement?.at),
    expires_at: rfc3339(acknowledgement?.expiresAt),
    held_until: rfc3339(suspect?.until),
  });
  return rest === '{}' ? `${always}}` : `${always},${rest.slice(1)}`;
}

function rfc3339(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
