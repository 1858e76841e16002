import type { Alert, Transition } from '../../domain/alert.ts';
import type { Complaint, Delivery, ParsedBody } from '../../domain/delivery.ts';
import type { AdvanceEpisode, EpisodeState, EpisodeTransition } from '../../domain/episode.ts';
import type { Logger } from '../../domain/log.ts';
import { alertEventData } from '../alert-event.ts';
import type { IntakeResult, RawDelivery } from '../ledger.ts';
import type { DeliveryStore } from './delivery-store.ts';
import type { EpisodeStore } from './episode-store.ts';
import type { EventLog } from './event-log.ts';
import type { Names } from './names.ts';
import type { EpisodeChange } from './open-alerts.ts';
import type { QuarantineStore } from './quarantine-store.ts';
import { isStoreFailure } from './failure.ts';

/** How bodies are read and what alerts do to episodes; `alerts/` has it, the thread wires it. */
export interface AlertLogic {
  readonly parse: (body: Uint8Array) => ParsedBody;
  /** What makes two deliveries the same: 32 bytes. */
  readonly deliveryId: (webhook: string, delivery: Delivery) => Uint8Array;
  readonly advance: AdvanceEpisode;
}

interface IntakeParts {
  readonly logic: AlertLogic;
  readonly toleranceNs: bigint;
  readonly names: Names;
  readonly events: EventLog;
  readonly episodes: EpisodeStore;
  readonly deliveries: DeliveryStore;
  readonly quarantine: QuarantineStore;
  readonly logger: Logger;
  /** Runs a part so that, if it throws, nothing of it stays. */
  readonly guard: <T>(run: () => T) => T;
  /** Told of every transition; what is told within a task that fails is taken back. */
  readonly onChange: (change: EpisodeChange) => void;
}

/** Of one delivery, no more refused alerts than this are kept: it must not sweep out all others. */
const MAX_KEPT_REFUSALS = 100;

interface Tally {
  accepted: number;
  duplicates: number;
  quarantined: number;
  readonly transitions: Partial<Record<Transition, number>>;
  readonly lagSeconds: number[];
}

/** Takes one delivery within a transaction: reads it, moves the episodes on, and writes down what happened. */
export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  take(raw: RawDelivery): IntakeResult {
    const parsed = this.#parts.logic.parse(raw.body);
    const webhook = this.#parts.names.id(raw.webhook);
    if (!parsed.ok) {
      const { pointer, detail } = parsed;
      this.#quarantine(raw, { pointer, detail }, raw.body);
      return { outcome: 'malformed', pointer, detail };
    }
    try {
      return this.#parts.guard(() =>
        this.#record(raw, webhook, { delivery: parsed.delivery, isolate: false }),
      );
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      // a bug met one of the alerts: they are taken one by one, and only that one is set aside
      return this.#record(raw, webhook, { delivery: parsed.delivery, isolate: true });
    }
  }

  #record(raw: RawDelivery, webhook: number, how: { delivery: Delivery; isolate: boolean }): IntakeResult {
    const { delivery, isolate } = how;
    const tally: Tally = { accepted: 0, duplicates: 0, quarantined: 0, transitions: {}, lagSeconds: [] };
    for (const alert of delivery.alerts) {
      const record = () => this.#recordAlert(alert, { raw, webhook, delivery });
      const transitions = isolate ? this.#isolated(alert, raw, record) : record();
      if (transitions === undefined) tally.quarantined++;
      else count(tally, transitions, raw.receivedAt);
    }
    tally.quarantined += delivery.refused.length;
    for (const { pointer, detail, value } of delivery.refused.slice(0, MAX_KEPT_REFUSALS)) {
      this.#quarantine(raw, { pointer, detail }, bytesOf(value));
    }
    const repeated = this.#store(raw, webhook, { delivery, tally });
    const outcome = tally.quarantined > 0 ? 'partial' : repeated ? 'duplicate' : 'accepted';
    return { outcome, ...tally };
  }

  /** @returns undefined when it cannot be recorded and went to quarantine */
  #isolated(
    alert: Alert,
    raw: RawDelivery,
    record: () => readonly EpisodeTransition[],
  ): readonly EpisodeTransition[] | undefined {
    try {
      return this.#parts.guard(record);
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const { labels, annotations, status, fingerprint } = alert;
      this.#parts.logger.error(
        { error: why, fingerprint },
        'an alert went to quarantine by a bug; please report it',
      );
      const detail = `It could not be recorded: ${why}.`;
      this.#quarantine(raw, { pointer: '', detail }, bytesOf({ status, fingerprint, labels, annotations }));
      return undefined;
    }
  }

  #recordAlert(
    alert: Alert,
    { raw, webhook, delivery }: { raw: RawDelivery; webhook: number; delivery: Delivery },
  ): readonly EpisodeTransition[] {
    const { episodes, logic, toleranceNs } = this.#parts;
    const { fingerprint } = alert;
    const { receivedAt } = raw;
    const known = episodes.latest(webhook, fingerprint);
    const { state, transitions } = logic.advance(known?.state, alert, { receivedAt, toleranceNs });
    if (transitions.length === 0 && known !== undefined) episodes.touch(known.id, state, receivedAt);
    let { id, since, lastEvent } = known ?? { id: 0, since: receivedAt, lastEvent: 0 };
    let stored = known?.state.number;
    for (const { transition, episode } of transitions) {
      const event = this.#parts.events.last + 1;
      const receipt = { webhook, fingerprint, receivedAt, receiver: delivery.receiver, event };
      if (episode.number === stored) {
        episodes.update(id, episode, receipt);
      } else {
        id = episodes.insert(episode, receipt);
        since = receivedAt;
        stored = episode.number;
        lastEvent = 0;
      }
      this.#tell(transition, episode, { id, since, previous: lastEvent, alert, raw, delivery });
      lastEvent = event;
    }
    return transitions;
  }

  #tell(
    transition: Transition,
    episode: EpisodeState,
    of: { id: number; since: number; previous: number; alert: Alert; raw: RawDelivery; delivery: Delivery },
  ): void {
    const { id, since, previous, alert, raw, delivery } = of;
    const { receiver, groupKey, truncatedAlerts, notificationReason } = delivery;
    const data = alertEventData(transition, episode, {
      episodeId: id,
      webhook: raw.webhook,
      fingerprint: alert.fingerprint,
      receivedAt: raw.receivedAt,
      receiver,
      groupKey,
      truncatedAlerts,
      ...(notificationReason === undefined ? {} : { notificationReason }),
    });
    const type = `tocsin.alert.${transition}`;
    this.#parts.events.append({ type, subject: alert.fingerprint, time: raw.receivedAt, data, previous });
    const { open, severity, acknowledged } = episode;
    this.#parts.onChange({ id, open, severity, acknowledged, labels: alert.labels, since });
  }

  /** @returns whether it is an exact repeat that told nothing new */
  #store(
    raw: RawDelivery,
    webhook: number,
    { delivery, tally }: { delivery: Delivery; tally: Tally },
  ): boolean {
    const digest = this.#parts.logic.deliveryId(raw.webhook, delivery);
    const repeated = tally.accepted === 0 && this.#parts.deliveries.seen(digest);
    this.#parts.deliveries.insert({ raw, webhook, digest, delivery, counts: tally }, !repeated);
    return repeated;
  }

  #quarantine(raw: RawDelivery, complaint: Complaint, body: Uint8Array): void {
    const webhook = this.#parts.names.id(raw.webhook);
    this.#parts.quarantine.add({ webhook, receivedAt: raw.receivedAt, complaint, body });
  }
}

function count(tally: Tally, transitions: readonly EpisodeTransition[], receivedAt: number): void {
  if (transitions.length === 0) tally.duplicates++;
  else tally.accepted++;
  for (const { transition, episode } of transitions) {
    tally.transitions[transition] = (tally.transitions[transition] ?? 0) + 1;
    if (transition === 'fired') tally.lagSeconds.push(receivedAt / 1_000 - Number(episode.startsAt) / 1e9);
  }
}

function bytesOf(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
