import type { Alert, Transition } from '../../domain/alert.ts';
import type { Delivery } from '../../domain/delivery.ts';
import type {
  ActOnEpisode,
  AdvanceEpisode,
  EpisodeAction,
  EpisodeState,
  EpisodeTransition,
} from '../../domain/episode.ts';
import { alertEventData, type AlertEventContext } from '../alert-event.ts';
import type { AlertRules, RawDelivery } from '../ledger.ts';

import type { AlertCounting } from './alert-counting.ts';
import type { EpisodeTable, EventTable, KnownEpisode } from './episode-table.ts';
import type { EpisodeChange } from './open-alerts.ts';
import type { WatchdogSightings } from './watchdog-sightings.ts';

export interface RecorderParts {
  readonly logic: {
    readonly advance: AdvanceEpisode;
    readonly act: ActOnEpisode;
    readonly nextTimer: (state: EpisodeState) => number | undefined;
  };
  readonly rules: () => AlertRules;
  readonly episodes: EpisodeTable;
  readonly events: EventTable;
  /** Told of every transition; what is told within a task that fails is taken back. */
  readonly onChange: (change: EpisodeChange) => void;
  readonly onTransition?: (transition: Transition) => void;
  readonly counting: AlertCounting;
  readonly sightings: WatchdogSightings;
}

/** A delivery under way. */
export interface Incoming {
  readonly raw: RawDelivery;
  /** The number of its webhook. */
  readonly webhook: number;
  readonly delivery: Delivery;
}

type Context = Omit<AlertEventContext, 'episodeId' | 'at'>;

/** Moves one episode on, and writes down what happened to it. Only within a transaction. */
export class AlertRecorder {
  readonly #parts: RecorderParts;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  /** What one alert of a delivery does. */
  record(alert: Alert, { raw, webhook, delivery }: Incoming): readonly EpisodeTransition[] {
    const { episodes, logic } = this.#parts;
    const { toleranceMs, staleHoldMs, senders } = this.#parts.rules();
    const { fingerprint } = alert;
    const { receivedAt } = raw;
    const known = episodes.latest(webhook, fingerprint);
    const { state, transitions, duplicate } = logic.advance(known?.state, alert, {
      receivedAt,
      toleranceNs: BigInt(toleranceMs) * 1_000_000n,
      peer: `${delivery.externalUrl} ${raw.source}`,
      staleWindowMs: senders[raw.webhook]?.staleWindowMs ?? 0,
      staleHoldMs,
    });
    if (alert.status === 'firing') this.#parts.sightings.see(alert.labels, receivedAt);
    if (duplicate !== undefined) this.#parts.counting.duplicate(duplicate);
    if (transitions.length === 0 && known !== undefined) episodes.touch(known, state, receivedAt);
    const { receiver, groupKey, truncatedAlerts, notificationReason, routeLabels } = delivery;
    this.#write(known, transitions, {
      webhook: raw.webhook,
      webhookId: webhook,
      fingerprint,
      labels: alert.labels,
      receivedAt,
      receiver,
      groupKey,
      truncatedAlerts,
      notificationReason,
      routeLabels,
      values: alert.values,
    });
    return transitions;
  }

  /** What a person, time or the sender's own list does to an episode. */
  act(known: KnownEpisode, action: EpisodeAction, webhook: string): readonly EpisodeTransition[] {
    const { state, transitions } = this.#parts.logic.act(known.state, action);
    if (transitions.length === 0) {
      if (state !== known.state) this.#parts.episodes.touch(known, state, known.lastReceivedAt);
      return transitions;
    }
    this.#write(known, transitions, {
      webhook,
      webhookId: known.webhook,
      fingerprint: known.fingerprint,
      labels: JSON.parse(state.labels) as Alert['labels'],
      receivedAt: 'at' in action ? action.at : action.acknowledgement.at,
      lastReceivedAt: known.lastReceivedAt,
      receiver: known.receiver,
      cause: action.kind === 'expire' ? action.cause : undefined,
    });
    return transitions;
  }

  #write(
    known: KnownEpisode | undefined,
    transitions: readonly EpisodeTransition[],
    of: Context & {
      readonly webhookId: number;
      readonly labels: Alert['labels'];
      readonly lastReceivedAt?: number;
    },
  ): void {
    const { episodes, events, onChange } = this.#parts;
    let current = known;
    for (const { transition, episode } of transitions) {
      const event = events.next;
      const { webhookId, fingerprint, receiver } = of;
      const receipt = {
        webhook: webhookId,
        fingerprint,
        receivedAt: of.lastReceivedAt ?? of.receivedAt,
        receiver,
        event,
      };
      const isNew = current === undefined || current.state.number !== episode.number;
      let id = current?.id ?? 0;
      if (isNew) id = episodes.insert(episode, receipt);
      else if (current !== undefined) episodes.update(current, episode, receipt);
      const previous = isNew ? 0 : (current?.lastEvent ?? 0);
      this.#tell(transition, episode, { ...of, episodeId: id, previous });
      this.#parts.onTransition?.(transition);
      this.#parts.counting.step({ transition, episode }, current?.state);
      onChange({ id, labels: of.labels, ...summaryOf(episode) });
      const { receivedAt } = receipt;
      current = {
        id,
        webhook: webhookId,
        fingerprint,
        lastEvent: event,
        lastReceivedAt: receivedAt,
        receiver,
        state: episode,
      };
    }
  }

  #tell(
    transition: Transition,
    episode: EpisodeState,
    of: AlertEventContext & { readonly previous: number },
  ): void {
    const type = `tocsin.alert.${transition}`;
    const data = alertEventData(transition, episode, of);
    const { fingerprint, receivedAt, previous } = of;
    this.#parts.events.append({ type, subject: fingerprint, time: receivedAt, data, previous });
  }
}

function summaryOf({ open, severity, acknowledged, unacknowledgedSince }: EpisodeState) {
  return { open, severity, acknowledged, since: unacknowledgedSince };
}
