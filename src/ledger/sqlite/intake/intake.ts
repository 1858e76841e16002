import type { Alert } from '../../../alerts/alert.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { Transition } from '../../../domain/event.ts';
import type { ParseProblem, Delivery } from '../../../alerts/delivery.ts';
import type { EpisodeTransition } from '../../../alerts/episode.ts';
import type { Logger } from '../../../domain/log.ts';
import { commonEventData } from '../../alert-event.ts';
import type { IntakeResult, RawDelivery } from '../../ledger.ts';
import type { AlertFunctions } from '../alert-functions.ts';
import type { AlertRecorder, DeliveryInProgress } from './alert-recorder.ts';
import type { DeliveryStore } from './delivery-store.ts';
import { isStoreFailure } from '../database/sqlite-errors.ts';
import type { StringTable } from '../database/string-table.ts';
import type { QuarantineStore } from './quarantine-store.ts';
import type { ReceiverNames } from './receiver-names.ts';
import type { SenderAddresses } from './sender-addresses.ts';

interface IntakeParts {
  readonly deliveryId: AlertFunctions['deliveryId'];
  readonly strings: StringTable;
  readonly receivers: ReceiverNames;
  readonly senders: SenderAddresses;
  readonly recorder: AlertRecorder;
  readonly deliveries: DeliveryStore;
  readonly quarantine: QuarantineStore;
  readonly logger: Logger;
  /** Runs a part that is rolled back if it throws. */
  readonly withSavepoint: <T>(run: () => T) => T;
}

/** Limit for the rejected alerts kept of one delivery: it must not displace all others. */
const MAX_QUARANTINED_PER_DELIVERY = 100;

export interface DeliveryTally {
  accepted: number;
  duplicates: number;
  quarantined: number;
  readonly transitions: Partial<Record<Transition, number>>;
  readonly lagSeconds: number[];
}

export function emptyTally(): DeliveryTally {
  return { accepted: 0, duplicates: 0, quarantined: 0, transitions: {}, lagSeconds: [] };
}

/** Records one delivery within a transaction: advances its episodes, and stores what happened. */
export class Intake {
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  recordDelivery(raw: RawDelivery, delivery: Delivery): IntakeResult {
    const beginDelivery = this.incoming(raw, delivery);
    try {
      return this.#parts.withSavepoint(() => this.#record(beginDelivery, false));
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      // one of the alerts hit a bug: record them one by one, and quarantine only that one
      return this.#record(beginDelivery, true);
    }
  }

  /** Quarantines an unreadable body. */
  quarantineBody(raw: RawDelivery, { pointer, detail }: ParseProblem): IntakeResult {
    this.#quarantine(raw, { pointer, detail }, raw.body);
    return { outcome: 'malformed', pointer, detail };
  }

  /** Quarantines the unreadable alerts of a delivery. */
  quarantineRejected(raw: RawDelivery, { rejected }: Delivery, tally: DeliveryTally): void {
    tally.quarantined += rejected.length;
    for (const { pointer, detail, value } of rejected.slice(0, MAX_QUARANTINED_PER_DELIVERY)) {
      this.#quarantine(raw, { pointer, detail }, bytesOf(value));
    }
  }

  /** Quarantines an alert that could not be recorded because of a bug. */
  quarantineAlert(
    { labels, annotations, status, fingerprint, startsAt }: Alert,
    raw: RawDelivery,
    error: unknown,
  ): void {
    const why = error instanceof Error ? error.message : String(error);
    this.#parts.logger.error(
      { error: why, fingerprint },
      'an alert was quarantined because of a bug; please report it',
    );
    const body = bytesOf({ status, fingerprint, labels, annotations, startsAt: startsAt.text });
    this.#quarantine(raw, { pointer: '', detail: `The alert could not be recorded: ${why}.` }, body);
  }

  /** @param transitions undefined if the alert was quarantined */
  countAlert(
    tally: DeliveryTally,
    transitions: readonly EpisodeTransition[] | undefined,
    receivedAt: EpochMs,
  ): void {
    if (transitions === undefined) tally.quarantined++;
    else countTransitions(tally, transitions, receivedAt);
  }

  resultOf(tally: DeliveryTally, repeated: boolean): IntakeResult {
    return { outcome: tally.quarantined > 0 ? 'partial' : repeated ? 'duplicate' : 'accepted', ...tally };
  }

  digestOf(webhook: string, delivery: Delivery): Uint8Array {
    return this.#parts.deliveryId(webhook, delivery);
  }

  incoming(raw: RawDelivery, delivery: Delivery): DeliveryInProgress {
    const common = commonEventData({ ...delivery, webhook: raw.webhook, receivedAt: raw.receivedAt });
    const webhook = this.#parts.strings.idOf(raw.webhook);
    const reporter = this.#parts.recorder.reporterOf(raw, delivery);
    this.#parts.receivers.record(raw.webhook, delivery.receiver);
    this.#parts.senders.record(raw.webhook, delivery.externalUrl, raw.source);
    return { raw, delivery, webhook, reporter, common };
  }

  #record(incoming: DeliveryInProgress, isolate: boolean): IntakeResult {
    const { raw, delivery, webhook } = incoming;
    const { recorder, deliveries } = this.#parts;
    const tally = emptyTally();
    for (const alert of delivery.alerts) {
      const transitions = isolate ? this.#recordIsolated(alert, incoming) : recorder.record(alert, incoming);
      this.countAlert(tally, transitions, raw.receivedAt);
    }
    this.quarantineRejected(raw, delivery, tally);
    const digest = this.digestOf(raw.webhook, delivery);
    const repeated = tally.accepted === 0 && deliveries.isKnown(digest);
    deliveries.insert({ raw, webhook, digest, delivery, counts: tally }, repeated ? 'none' : 'whole');
    return this.resultOf(tally, repeated);
  }

  /** @returns undefined if it could not be recorded and was quarantined */
  #recordIsolated(alert: Alert, incoming: DeliveryInProgress): readonly EpisodeTransition[] | undefined {
    try {
      return this.#parts.withSavepoint(() => this.#parts.recorder.record(alert, incoming));
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      this.quarantineAlert(alert, incoming.raw, error);
      return undefined;
    }
  }

  #quarantine(raw: RawDelivery, complaint: ParseProblem, body: Uint8Array): void {
    const webhook = this.#parts.strings.idOf(raw.webhook);
    this.#parts.quarantine.add({ webhook, receivedAt: raw.receivedAt, complaint, body });
  }
}

function countTransitions(
  tally: DeliveryTally,
  transitions: readonly EpisodeTransition[],
  receivedAt: EpochMs,
): void {
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
