import type { Alert } from '../../../alerts/alert.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { Transition } from '../../../domain/event.ts';
import { toNanoseconds } from '../../../domain/instant.ts';
import type { Delivery } from '../../../alerts/delivery.ts';
import {
  reporterOf,
  type EpisodeAction,
  type EpisodeState,
  type EpisodeTransition,
  type ExpiryCause,
  type Reporter,
} from '../../../alerts/episode.ts';
import { alertEventData, commonEventData } from '../../alert-event.ts';
import { applyAction } from '../../../alerts/episode-actions.ts';
import type { AlertFunctions } from '../alert-functions.ts';
import type { AlertRules, RawDelivery } from '../../ledger.ts';

import type { AlertStats } from '../episodes/alert-stats.ts';
import { labelsOf } from '../episodes/episode-row.ts';
import type { EpisodeTable, StoredEpisode } from '../episodes/episode-table.ts';
import type { EventTable } from '../events/event-log.ts';
import type { EpisodeChange } from '../episodes/open-alerts.ts';
import type { WatchdogSightings } from '../episodes/watchdog-sightings.ts';

export interface RecorderParts {
  readonly advance: AlertFunctions['advance'];
  readonly rules: () => AlertRules;
  readonly episodes: EpisodeTable;
  readonly events: EventTable;
  /** Called for every transition; a change is taken back if its task fails. */
  readonly onChange: (change: EpisodeChange) => void;
  readonly onTransition?: (transition: Transition) => void;
  readonly stats: AlertStats;
  readonly sightings: WatchdogSightings;
}

/** A delivery being processed. */
export interface DeliveryInProgress {
  readonly raw: RawDelivery;
  /** The number of its webhook. */
  readonly webhook: number;
  readonly delivery: Delivery;
  readonly reporter: Reporter;
  /** Data shared by its events, as in `commonEventData`. */
  readonly common: string;
}

/** A change of one episode. */
interface EpisodeStep {
  readonly webhook: number;
  readonly fingerprint: string;
  readonly labels: Alert['labels'];
  readonly at: EpochMs;
  /** When the alert was last reported; unchanged by a person's action. */
  readonly receivedAt: EpochMs;
  readonly receiver: string;
  readonly common: string;
  readonly values?: Alert['values'];
  readonly cause?: ExpiryCause | undefined;
}

/** For a webhook that is no longer configured. */
const UNKNOWN_SENDER = { staleWindowMs: 0, groupIntervalMs: 0 };

/** Advances one episode, and stores its transitions. Only within a transaction. */
export class AlertRecorder {
  readonly #parts: RecorderParts;

  constructor(parts: RecorderParts) {
    this.#parts = parts;
  }

  reporterOf({ webhook, source }: RawDelivery, delivery: Delivery): Reporter {
    const single = this.#parts.rules().senders[webhook]?.single === true;
    return reporterOf(delivery, single ? [] : [delivery.externalUrl, source]);
  }

  /** Records one alert of a delivery. */
  record(
    alert: Alert,
    { raw, webhook, delivery, reporter, common }: DeliveryInProgress,
  ): readonly EpisodeTransition[] {
    const { episodes, advance } = this.#parts;
    const { toleranceMs, staleHoldMs, senders } = this.#parts.rules();
    const { fingerprint, labels, values } = alert;
    const { receivedAt } = raw;
    const sender = senders[raw.webhook] ?? UNKNOWN_SENDER;
    const known = episodes.latestForDelivery({ alert, webhook, receivedAt });
    const { state, transitions, former, duplicate } = advance(known?.state, alert, {
      receivedAt,
      lastReceivedAt: known?.lastReceivedAt ?? 0,
      reporter,
      toleranceNs: toNanoseconds(toleranceMs),
      staleWindowMs: sender.staleWindowMs,
      staleHoldMs,
      groupIntervalMs: sender.groupIntervalMs,
    });
    if (alert.status === 'firing') this.#parts.sightings.recordFiring(labels, receivedAt);
    if (duplicate !== undefined) this.#parts.stats.countDuplicate(duplicate);
    if (transitions.length === 0) {
      if (known !== undefined) episodes.updateAfterRepeat(known, state, receivedAt);
      return transitions;
    }
    const { receiver } = delivery;
    if (known !== undefined && former !== undefined)
      episodes.updateAfterRepeat(known, former, known.lastReceivedAt);
    const step = { webhook, fingerprint, labels, at: receivedAt, receivedAt, receiver, common, values };
    this.#writeTransitions(known, transitions, step);
    return transitions;
  }

  /** Applies an action of a person, a timer or the sender's own list to an episode. */
  applyAction(known: StoredEpisode, action: EpisodeAction, webhook: string): readonly EpisodeTransition[] {
    const { state, transitions } = applyAction(known.state, action);
    if (transitions.length === 0) {
      if (state !== known.state) this.#parts.episodes.updateAfterRepeat(known, state, known.lastReceivedAt);
      return transitions;
    }
    const { fingerprint, receiver, lastReceivedAt } = known;
    const at = 'at' in action ? action.at : action.acknowledgement.at;
    this.#writeTransitions(known, transitions, {
      ...{ webhook: known.webhook, fingerprint, receiver, at, receivedAt: lastReceivedAt },
      labels: labelsOf(state.labels),
      common: commonEventData({ webhook, receiver, receivedAt: at }),
      cause: action.kind === 'expire' ? action.cause : undefined,
    });
    return transitions;
  }

  #writeTransitions(
    known: StoredEpisode | undefined,
    transitions: readonly EpisodeTransition[],
    step: EpisodeStep,
  ): void {
    const { events, onChange } = this.#parts;
    let current = known;
    for (const done of transitions) {
      const { transition, episode } = done;
      const event = events.next;
      const next = this.#storeEpisode(current, episode, step, event);
      const previous = next.id === current?.id ? current.lastEvent : 0;
      this.#appendEvent(done, next.id, previous, step);
      this.#parts.onTransition?.(transition);
      this.#parts.stats.countTransition(done, current?.state);
      const { open, severity, acknowledged, unacknowledgedSince: since } = episode;
      onChange({ id: next.id, labels: step.labels, open, severity, acknowledged, since });
      current = next;
    }
  }

  #storeEpisode(
    current: StoredEpisode | undefined,
    state: EpisodeState,
    { webhook, fingerprint, receivedAt, receiver }: EpisodeStep,
    event: number,
  ): StoredEpisode {
    const { episodes } = this.#parts;
    const receipt = { webhook, fingerprint, receivedAt, receiver, event };
    let id = current?.id ?? 0;
    if (current === undefined || current.state.number !== state.number)
      id = episodes.insert(state, receipt, id);
    else episodes.update(current, state, receipt);
    return { id, webhook, fingerprint, lastEvent: event, lastReceivedAt: receivedAt, receiver, state };
  }

  #appendEvent(
    { transition, episode }: EpisodeTransition,
    id: number,
    previous: number,
    step: EpisodeStep,
  ): void {
    const { at, fingerprint, common, values, cause } = step;
    const { labels, annotations, generatorUrl } = episode;
    this.#parts.events.append({
      type: `tocsin.alert.${transition}`,
      time: at,
      data: alertEventData(episode, { values, cause }),
      alert: { fingerprint, episode: id, previous, common, labels, annotations, generatorUrl },
    });
  }
}
