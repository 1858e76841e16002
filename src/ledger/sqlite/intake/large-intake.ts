import type { Alert } from '../../../alerts/alert.ts';
import type { Clock } from '../../../domain/clock.ts';
import { firstOf } from '../../../domain/cancellation.ts';
import type { Delivery, ParsedBody } from '../../../alerts/delivery.ts';
import type { EpisodeTransition } from '../../../alerts/episode.ts';
import { LedgerUnavailableError, type IntakeResult, type RawDelivery } from '../../ledger.ts';
import type { AlertRecorder, Incoming } from './alert-recorder.ts';
import type { DeliveryStore } from './delivery-store.ts';
import type { EpisodeStore } from '../episodes/episode-store.ts';
import type { EventLog } from '../events/event-log.ts';
import { isStoreFailure } from '../database/sqlite-errors.ts';
import { emptyTally, type Intake, type Tally } from './intake.ts';
import type { EpisodeChange, OpenAlerts } from '../episodes/open-alerts.ts';
import type { StagedEpisodes, StagedEvents } from './staging.ts';
import type { StagedRows } from './staged-commit.ts';
import type { Writer } from '../database/writer.ts';

export interface LargeIntakeParts {
  readonly writer: Writer;
  readonly clock: Clock;
  readonly intake: Intake;
  /** Writes to the staging tables. */
  readonly recorder: AlertRecorder;
  readonly stagedEpisodes: StagedEpisodes;
  readonly stagedEvents: StagedEvents;
  readonly rows: StagedRows;
  readonly events: EventLog;
  readonly episodes: EpisodeStore;
  readonly deliveries: DeliveryStore;
  readonly open: OpenAlerts;
  readonly parse: (body: Uint8Array) => Generator<undefined, ParsedBody>;
  /** The recorder's changes since the last call. */
  readonly takeChanges: () => readonly EpisodeChange[];
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
  #touched: { readonly webhook: string; readonly fingerprints: ReadonlySet<string> } | undefined;
  #settled: Promise<unknown> = Promise.resolve();
  #moving: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: LargeIntakeParts) {
    this.#parts = parts;
  }

  /** Fulfilled when it is on disk; it is then visible, though a query at that moment may wait briefly. */
  take(raw: RawDelivery): Promise<IntakeResult> {
    const taken = this.#turn.then(() => this.#take(raw));
    this.#settled = taken.then(
      () => this.#moving,
      () => undefined,
    );
    this.#turn = this.#settled;
    return taken;
  }

  touches(webhook: string, alerts: readonly Alert[]): boolean {
    if (this.#touched?.webhook !== webhook) return false;
    const { fingerprints } = this.#touched;
    return alerts.some(({ fingerprint }) => fingerprints.has(fingerprint));
  }

  /** Whether a large delivery is being written, to rows beside those that they will replace. */
  get underWay(): boolean {
    return this.#touched !== undefined;
  }

  /** Resolves when no large delivery is in progress. */
  settled(): Promise<unknown> {
    return this.#settled;
  }

  /** Resolves when no delivery is partly visible; undefined if that is so now. */
  whole(): Promise<void> | undefined {
    return this.#moving;
  }

  /** Leaves a delivery in progress as it is: the next start removes it, or completes it if it was decided. */
  stop(): void {
    this.#stopped = true;
  }

  async #take(raw: RawDelivery): Promise<IntakeResult> {
    const parsed = await this.#parse(raw.body);
    const { writer, intake } = this.#parts;
    if (!parsed.ok) {
      const { pointer, detail } = parsed;
      await writer.submit(0, () => intake.refuse(raw, parsed)).catch(unlessUnavailable);
      return { outcome: 'malformed', pointer, detail };
    }
    const { delivery } = parsed;
    this.#touched = {
      webhook: raw.webhook,
      fingerprints: new Set(delivery.alerts.map((alert) => alert.fingerprint)),
    };
    try {
      const result = await this.#write(raw, delivery);
      this.#moving = this.#move().finally(() => {
        this.#moving = undefined;
        this.#touched = undefined;
      });
      return result;
    } catch (error) {
      this.#touched = undefined;
      throw error;
    }
  }

  async #parse(body: Uint8Array): Promise<ParsedBody> {
    const reading = this.#parts.parse(body);
    for (;;) {
      const step = reading.next();
      if (step.done === true) return step.value;
      await pause();
      this.#unlessStopped();
    }
  }

  async #write(raw: RawDelivery, delivery: Delivery): Promise<IntakeResult> {
    const { deliveries, rows, stagedEpisodes, stagedEvents, takeChanges, intake } = this.#parts;
    stagedEpisodes.clear();
    stagedEvents.begin();
    takeChanges();
    const tally = emptyTally();
    let id = 0;
    const incoming = await this.#submit(0, () => {
      if (rows.undecided > 0) deliveries.removeParts(rows.undecided);
      id = deliveries.newId();
      rows.begin(id);
      return intake.incoming(raw, delivery);
    });
    const { webhook } = incoming;
    for (let i = 0; i < delivery.alerts.length; i += SLICE_ALERTS) {
      const slice = delivery.alerts.slice(i, i + SLICE_ALERTS);
      await this.#submit(SLICE_BYTES, () => this.#recordSlice(slice, incoming, tally));
    }
    const digest = intake.digest(raw.webhook, delivery);
    const repeated = tally.accepted === 0 && deliveries.seen(digest);
    if (!repeated) await this.#writeBody(raw.body, id);
    return this.#submit(0, () => {
      intake.refuseAlerts(raw, delivery, tally);
      deliveries.insert({ raw, webhook, digest, delivery, counts: tally, id }, repeated ? 'none' : 'parts');
      rows.decide(this.#parts.events.reserve(stagedEvents.count, raw.receivedAt));
      return intake.result(tally, repeated);
    });
  }

  #recordSlice(alerts: readonly Alert[], incoming: Incoming, tally: Tally): void {
    for (const alert of alerts) {
      const transitions = this.#recordAlert(alert, incoming);
      this.#parts.intake.count(tally, transitions, incoming.raw.receivedAt);
    }
  }

  /** @returns undefined if it could not be recorded and was quarantined */
  #recordAlert(alert: Alert, incoming: Incoming): readonly EpisodeTransition[] | undefined {
    const { writer, recorder, stagedEpisodes, intake } = this.#parts;
    try {
      return writer.guard(() => recorder.record(alert, incoming));
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      stagedEpisodes.forget(alert.fingerprint);
      intake.setAside(alert, incoming.raw, error);
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
  async #move(): Promise<void> {
    const { rows, open, episodes, takeChanges, stagedEpisodes } = this.#parts;
    while (await this.#untilStored(() => rows.move()));
    await this.#untilStored(() => {
      rows.clear();
      for (const episode of stagedEpisodes.known()) episodes.adopt(episode);
      for (const change of takeChanges()) open.note(change);
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
    this.#unlessStopped();
    const result = await this.#parts.writer.submit(cost, run);
    // tasks that arrived meanwhile go first
    await pause();
    return result;
  }

  #unlessStopped(): void {
    if (this.#stopped) throw new LedgerUnavailableError('The ledger is closing.');
  }
}

function unlessUnavailable(error: unknown): void {
  if (!(error instanceof LedgerUnavailableError)) throw error;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
