import type { Alert } from '../../../alerts/alert.ts';
import type { Clock } from '../../../domain/clock.ts';
import { firstOf } from '../../../domain/cancellation.ts';
import type { Delivery, ParsedBody } from '../../../alerts/delivery.ts';
import type { EpisodeTransition } from '../../../alerts/episode.ts';
import { LedgerUnavailableError, type IntakeResult, type RawDelivery } from '../../ledger.ts';
import type { AlertRecorder, DeliveryInProgress } from './alert-recorder.ts';
import type { DeliveryStore } from './delivery-store.ts';
import type { EpisodeStore } from '../episodes/episode-store.ts';
import type { EventLog } from '../events/event-log.ts';
import { isStoreFailure } from '../database/sqlite-errors.ts';
import { emptyTally, type Intake, type DeliveryTally } from './intake.ts';
import type { EpisodeChange, OpenAlerts } from '../episodes/open-alerts.ts';
import type { StagedEpisodes, StagedEvents } from './staged-tables.ts';
import type { StagedCommit } from './staged-commit.ts';
import type { Writer } from '../database/writer.ts';

export interface LargeIntakeParts {
  readonly writer: Writer;
  readonly clock: Clock;
  readonly intake: Intake;
  /** Writes to the staging tables. */
  readonly recorder: AlertRecorder;
  readonly stagedEpisodes: StagedEpisodes;
  readonly stagedEvents: StagedEvents;
  readonly stagedCommit: StagedCommit;
  readonly events: EventLog;
  readonly episodes: EpisodeStore;
  readonly deliveries: DeliveryStore;
  readonly open: OpenAlerts;
  readonly parse: (body: Uint8Array) => Generator<undefined, ParsedBody>;
  /** The recorder's changes since the last call. */
  readonly drainChanges: () => readonly EpisodeChange[];
}

/** Alerts, and bytes of a body, per commit: a few milliseconds each. */
const SLICE_ALERTS = 200;
const SLICE_BYTES = 512 * 1024;
const RETRY_MS = 1_000;

/**
 * Processes deliveries that are too large for one commit, one at a time: reads and writes them in slices, between which
 * other deliveries are accepted, and makes everything visible at once. A delivery half-written when the process ends is
 * removed at the next start.
 */
export class LargeIntake {
  readonly #parts: LargeIntakeParts;
  #turn: Promise<unknown> = Promise.resolve();
  /** The alerts of the delivery in progress: other deliveries that report them wait. */
  #held: { readonly webhook: string; readonly fingerprints: ReadonlySet<string> } | undefined;
  #idle: Promise<unknown> = Promise.resolve();
  #moving: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: LargeIntakeParts) {
    this.#parts = parts;
  }

  /** Fulfilled when it is on disk; it is then visible, though a query at that moment may wait briefly. */
  process(raw: RawDelivery): Promise<IntakeResult> {
    const taken = this.#turn.then(() => this.#process(raw));
    this.#idle = taken.then(
      () => this.#moving,
      () => undefined,
    );
    this.#turn = this.#idle;
    return taken;
  }

  holdsAny(webhook: string, alerts: readonly Alert[]): boolean {
    if (this.#held?.webhook !== webhook) return false;
    const { fingerprints } = this.#held;
    return alerts.some(({ fingerprint }) => fingerprints.has(fingerprint));
  }

  /** Whether a large delivery is being written, to rows beside those that they will replace. */
  get inProgress(): boolean {
    return this.#held !== undefined;
  }

  /** Resolves when no large delivery is in progress. */
  whenIdle(): Promise<unknown> {
    return this.#idle;
  }

  /** Resolves when no delivery is partly visible; undefined if that is so now. */
  whenConsistent(): Promise<void> | undefined {
    return this.#moving;
  }

  /** Leaves a delivery in progress as it is: the next start removes it, or completes it if it was decided. */
  stop(): void {
    this.#stopped = true;
  }

  async #process(raw: RawDelivery): Promise<IntakeResult> {
    const parsed = await this.#parse(raw.body);
    const { writer, intake } = this.#parts;
    if (!parsed.ok) {
      const { pointer, detail } = parsed;
      await writer.submit(0, () => intake.quarantineBody(raw, parsed)).catch(rethrowUnlessUnavailable);
      return { outcome: 'malformed', pointer, detail };
    }
    const { delivery } = parsed;
    this.#held = {
      webhook: raw.webhook,
      fingerprints: new Set(delivery.alerts.map((alert) => alert.fingerprint)),
    };
    try {
      const result = await this.#write(raw, delivery);
      this.#moving = this.#moveRows().finally(() => {
        this.#moving = undefined;
        this.#held = undefined;
      });
      return result;
    } catch (error) {
      this.#held = undefined;
      throw error;
    }
  }

  async #parse(body: Uint8Array): Promise<ParsedBody> {
    const reading = this.#parts.parse(body);
    for (;;) {
      const step = reading.next();
      if (step.done === true) return step.value;
      await nextTurn();
      this.#throwIfStopped();
    }
  }

  async #write(raw: RawDelivery, delivery: Delivery): Promise<IntakeResult> {
    const { deliveries, stagedCommit, stagedEpisodes, stagedEvents, drainChanges, intake } = this.#parts;
    stagedEpisodes.clear();
    stagedEvents.begin();
    drainChanges();
    const tally = emptyTally();
    let id = 0;
    const incoming = await this.#submit(0, () => {
      if (stagedCommit.undecided > 0) deliveries.removeParts(stagedCommit.undecided);
      id = deliveries.newId();
      stagedCommit.begin(id);
      return intake.incoming(raw, delivery);
    });
    const { webhook } = incoming;
    for (let i = 0; i < delivery.alerts.length; i += SLICE_ALERTS) {
      const slice = delivery.alerts.slice(i, i + SLICE_ALERTS);
      await this.#submit(SLICE_BYTES, () => this.#recordSlice(slice, incoming, tally));
    }
    const digest = intake.digestOf(raw.webhook, delivery);
    const repeated = tally.accepted === 0 && deliveries.isKnown(digest);
    if (!repeated) await this.#writeBody(raw.body, id);
    return this.#submit(0, () => {
      intake.quarantineRejected(raw, delivery, tally);
      deliveries.insert({ raw, webhook, digest, delivery, counts: tally, id }, repeated ? 'none' : 'parts');
      stagedCommit.decide(this.#parts.events.reserve(stagedEvents.count, raw.receivedAt));
      return intake.resultOf(tally, repeated);
    });
  }

  #recordSlice(alerts: readonly Alert[], incoming: DeliveryInProgress, tally: DeliveryTally): void {
    for (const alert of alerts) {
      const transitions = this.#recordAlert(alert, incoming);
      this.#parts.intake.countAlert(tally, transitions, incoming.raw.receivedAt);
    }
  }

  /** @returns undefined if it could not be recorded and was quarantined */
  #recordAlert(alert: Alert, incoming: DeliveryInProgress): readonly EpisodeTransition[] | undefined {
    const { writer, recorder, stagedEpisodes, intake } = this.#parts;
    try {
      return writer.withSavepoint(() => recorder.record(alert, incoming));
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      stagedEpisodes.forget(alert.fingerprint);
      intake.quarantineAlert(alert, incoming.raw, error);
      return undefined;
    }
  }

  async #writeBody(body: Uint8Array, delivery: number): Promise<void> {
    const { deliveries } = this.#parts;
    for (let part = 0; part * SLICE_BYTES < body.byteLength; part++) {
      const bytes = body.subarray(part * SLICE_BYTES, (part + 1) * SLICE_BYTES);
      await this.#submit(SLICE_BYTES, () => deliveries.insertPart(delivery, part, bytes));
    }
  }

  /** Decided: it will be complete even if the process ends now. A failing store is retried until it succeeds. */
  async #moveRows(): Promise<void> {
    const { stagedCommit, open, episodes, drainChanges, stagedEpisodes } = this.#parts;
    while (await this.#untilStored(() => stagedCommit.moveSlice()));
    await this.#untilStored(() => {
      stagedCommit.clear();
      for (const episode of stagedEpisodes.written()) episodes.setLatest(episode);
      for (const change of drainChanges()) open.recordChange(change);
    });
    stagedEpisodes.clear();
  }

  async #untilStored<T>(run: () => T): Promise<T | undefined> {
    for (;;) {
      try {
        return await this.#submit(SLICE_BYTES, run);
      } catch (error) {
        if (this.#stopped) return undefined;
        if (!(error instanceof LedgerUnavailableError)) throw error;
        await firstOf((happened) => this.#parts.clock.after(RETRY_MS, happened));
      }
    }
  }

  async #submit<T>(cost: number, run: () => T): Promise<T> {
    this.#throwIfStopped();
    const result = await this.#parts.writer.submit(cost, run);
    // tasks that arrived meanwhile go first
    await nextTurn();
    return result;
  }

  #throwIfStopped(): void {
    if (this.#stopped) throw new LedgerUnavailableError('The ledger is closing.');
  }
}

function rethrowUnlessUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailableError)) throw error;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
