import type { Transition } from '../domain/alert.ts';
import type { EpisodeState, ExpiryCause } from '../domain/episode.ts';
import { formatInstant } from '../domain/instant.ts';
import type { LabelSet } from '../domain/labels.ts';

/** What an event tells besides the episode itself. */
export interface AlertEventContext {
  readonly episodeId: number;
  readonly webhook: string;
  readonly fingerprint: string;
  /** When it was received, or happened, milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly receiver: string;
  /** Of a delivery; absent where a person or time did it. */
  readonly groupKey?: string;
  readonly truncatedAlerts?: number;
  readonly notificationReason?: string | undefined;
  readonly routeLabels?: LabelSet;
  readonly values?: Readonly<Record<string, number>> | undefined;
  /** Of `expired_unconfirmed`. */
  readonly cause?: ExpiryCause | undefined;
}

/** The `data` of `tocsin.alert.<transition>` as JSON text; labels and annotations are JSON already. */
export function alertEventData(
  transition: Transition,
  episode: EpisodeState,
  context: AlertEventContext,
): string {
  const { acknowledgement, suspectUntil } = episode;
  const head = {
    transition,
    episode: String(context.episodeId),
    ordinal: episode.ordinal,
    state: episode.open ? 'open' : 'closed',
    webhook: context.webhook,
    fingerprint: context.fingerprint,
    severity: episode.severity,
    receiver: context.receiver,
    group_key: context.groupKey,
    truncated: context.truncatedAlerts,
    notification_reason: context.notificationReason,
    route_labels: hasAny(context.routeLabels) ? context.routeLabels : undefined,
    values: context.values,
    cause: context.cause,
    starts_at: formatInstant(episode.startsAt),
    ends_at: episode.endsAt === undefined ? undefined : formatInstant(episode.endsAt),
    received_at: rfc3339(context.receivedAt),
    acknowledged: episode.acknowledged,
    acknowledged_by: acknowledgement?.by,
    comment: acknowledgement?.comment,
    acknowledged_at: rfc3339(acknowledgement?.at),
    expires_at: rfc3339(acknowledgement?.expiresAt),
    held_until: rfc3339(suspectUntil),
    generator_url: episode.generatorUrl,
  };
  const opened = JSON.stringify(head).slice(0, -1);
  return `${opened},"labels":${episode.labels},"annotations":${episode.annotations}}`;
}

function rfc3339(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}

function hasAny(labels: LabelSet | undefined): boolean {
  for (const _name in labels) return true;
  return false;
}
