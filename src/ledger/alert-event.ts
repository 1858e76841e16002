import type { Transition } from '../domain/alert.ts';
import type { EpisodeState } from '../domain/episode.ts';
import { formatInstant } from '../domain/instant.ts';

/** What an event tells besides the episode itself. */
export interface AlertEventContext {
  readonly episodeId: number;
  readonly webhook: string;
  readonly fingerprint: string;
  readonly receivedAt: number;
  readonly receiver: string;
  readonly groupKey: string;
  readonly truncatedAlerts: number;
  readonly notificationReason?: string;
}

/** The `data` of `tocsin.alert.<transition>` as JSON text; labels and annotations are JSON already. */
export function alertEventData(
  transition: Transition,
  episode: EpisodeState,
  context: AlertEventContext,
): string {
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
    starts_at: formatInstant(episode.startsAt),
    ends_at: episode.endsAt === undefined ? undefined : formatInstant(episode.endsAt),
    received_at: new Date(context.receivedAt).toISOString(),
    acknowledged: episode.acknowledged,
    generator_url: episode.generatorUrl,
  };
  const opened = JSON.stringify(head).slice(0, -1);
  return `${opened},"labels":${episode.labels},"annotations":${episode.annotations}}`;
}
