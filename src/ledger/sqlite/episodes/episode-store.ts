import type { Statement } from 'better-sqlite3';
import type { SeverityClass } from '../../../alerts/alert.ts';
import type { EpisodeState } from '../../../alerts/episode.ts';
import { nextTimer } from '../../../alerts/episode-actions.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import {
  stateColumns,
  fingerprintNumber,
  IDENTITY_COLUMNS,
  IDENTITY_MARKS,
  storedEpisodeOf,
  labelsOf,
  reportersValue,
  severityNumber,
  STATE_COLUMNS,
  STATE_MARKS,
  suspicionValues,
  type EpisodeRow,
  type AlertTextsOf,
  type Value,
} from './episode-row.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { EpisodeRepair } from './episode-repair.ts';
import type { DeliveredAlert, EpisodeReceipt, EpisodeTable, StoredEpisode } from './episode-table.ts';
import { IdentityIndex } from './identity-index.ts';
import type { MetaTable } from '../database/meta-table.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowValidator } from '../database/row-shape.ts';

const LAST_ID_KEY = 'episodes_last';

interface StoreParts {
  readonly meta: MetaTable;
  readonly textsOf: AlertTextsOf;
  readonly unreadable: UnreadableRows;
  readonly repair: EpisodeRepair;
}

interface IdentityRow {
  readonly id: bigint;
  readonly webhook: bigint;
  readonly fingerprint: bigint;
}

const checkIdentity = rowValidator<IdentityRow>({
  id: 'integer',
  webhook: 'integer',
  fingerprint: 'integer',
});

/** The newest and the former episodes of every alert. Writes only within a transaction. */
export class EpisodeStore implements EpisodeTable {
  readonly #parts: StoreParts;
  readonly #identities = new IdentityIndex();
  readonly #byId: Statement<[number], EpisodeRow>;
  readonly #due: Statement<[number, number], number>;
  readonly #silent: Statement<
    [number, number, number],
    { id: number; webhook: number; last_received: number }
  >;
  readonly #insert: Statement<Value[]>;
  readonly #update: Statement<Value[]>;
  readonly #updateAfterRepeat: Statement<Value[]>;
  readonly #clearTimer: Statement<[number]>;
  readonly #closeUnreadable: Statement<[number]>;
  readonly #link: Statement<[number], { readonly former: number; readonly last_event: number }>;
  readonly #expired: Statement<[number, number, number], IdentityRow>;
  #last: number;
  #sweptTo = 0;

  constructor(database: Sqlite, parts: StoreParts) {
    this.#parts = parts;
    this.#byId = database.prepare<[number], EpisodeRow>('SELECT * FROM episodes WHERE id = ?').safeIntegers();
    this.#due = database
      .prepare<[number, number], number>('SELECT id FROM episodes WHERE timer <= ? ORDER BY timer LIMIT ?')
      .pluck();
    this.#silent = database.prepare(
      `SELECT id, webhook, last_received FROM episodes INDEXED BY episodes_state
       WHERE open = 1 AND severity = ? AND id > ? ORDER BY id LIMIT ?`,
    );
    this.#insert = database.prepare<Value[]>(
      `INSERT INTO episodes (${STATE_COLUMNS}, ${IDENTITY_COLUMNS}) VALUES (${STATE_MARKS}, ${IDENTITY_MARKS})`,
    );
    this.#update = database.prepare<Value[]>(
      // texts kept from an earlier event are superseded by the event of this update
      `UPDATE episodes SET texts = NULL, (${STATE_COLUMNS}) = (${STATE_MARKS}) WHERE id = ?`,
    );
    this.#clearTimer = database.prepare('UPDATE episodes SET timer = NULL WHERE id = ?');
    this.#closeUnreadable = database.prepare('UPDATE episodes SET open = 0, timer = NULL WHERE id = ?');
    this.#updateAfterRepeat = database.prepare(
      `UPDATE episodes SET last_received = ?, starts = ?, ends = ?, reported_end = ?, closed_by = ?,
       suspect_until = ?, suspect_same = ?, timer = ? WHERE id = ?`,
    );
    this.#link = database.prepare('SELECT former, last_event FROM episodes WHERE id = ?');
    this.#expired = database
      .prepare<[number, number, number], IdentityRow>(
        `DELETE FROM episodes WHERE id > ? AND id <= ? AND open = 0 AND last_received < ?
         RETURNING id, webhook, fingerprint`,
      )
      .safeIntegers();
    const newest = database.prepare<[], number | null>('SELECT max(id) FROM episodes').pluck().get() ?? 0;
    this.#last = Math.max(newest, parts.meta.getNumber(LAST_ID_KEY));
    const all = database
      .prepare<[], IdentityRow>('SELECT id, webhook, fingerprint FROM episodes ORDER BY id')
      .safeIntegers();
    for (const row of all.iterate())
      parts.unreadable.readOrSkip('episodes', Number(row.id), () => {
        checkIdentity(row);
        this.#identities.load(Number(row.webhook), row.fingerprint, Number(row.id));
      });
  }

  /** The newest episode of an alert; undefined if it does not exist or is unreadable. */
  latest(webhook: number, fingerprint: string): StoredEpisode | undefined {
    const id = this.#identities.get(webhook, fingerprintNumber(fingerprint));
    return id === 0 ? undefined : this.byId(id);
  }

  /** The newest episode of a delivered alert, repaired if it is unreadable. Only within a transaction. */
  latestForDelivery(delivery: DeliveredAlert): StoredEpisode | undefined {
    const { unreadable, repair, textsOf } = this.#parts;
    const id = this.#identities.get(delivery.webhook, fingerprintNumber(delivery.alert.fingerprint));
    const row = id === 0 ? undefined : this.#byId.get(id);
    if (row === undefined) return undefined;
    const known = unreadable.readOrSkip('episodes', id, () => storedEpisodeOf(row, textsOf));
    if (known !== undefined) return known;
    repair.repair(row, delivery);
    return this.readOrThrow(id);
  }

  /** Undefined if it does not exist or is unreadable. */
  byId(id: number): StoredEpisode | undefined {
    return this.#parts.unreadable.readOrSkip('episodes', id, () => this.readOrThrow(id));
  }

  /** @throws Error if it is unreadable */
  readOrThrow(id: number): StoredEpisode | undefined {
    const row = this.#byId.get(id);
    const known = row === undefined ? undefined : storedEpisodeOf(row, this.#parts.textsOf);
    for (const text of known === undefined ? [] : [known.state.labels, known.state.annotations])
      labelsOf(text);
    return known;
  }

  /** Clears its timer: nothing is due until it is reported again. */
  clearTimer(id: number): void {
    this.#clearTimer.run(id);
  }

  /** Closes an unreadable episode that is no longer reported, without a transition. */
  closeUnreadable(id: number): void {
    this.#closeUnreadable.run(id);
  }

  /** An alert's episodes, newest first. @param webhook undefined: of all webhooks */
  *ofAlert(fingerprint: string, webhook?: number): Generator<{ id: number; lastEvent: number }> {
    const number = fingerprintNumber(fingerprint);
    const newest =
      webhook === undefined
        ? this.#identities.inAllWebhooks(number)
        : [this.#identities.get(webhook, number)];
    for (const start of newest) {
      for (let id = start; id > 0;) {
        const link = this.#link.get(id);
        if (link === undefined) break;
        yield { id, lastEvent: link.last_event };
        id = link.former;
      }
    }
  }

  /** Offsets of the last events of an alert's episodes, newest episode first. */
  *lastEvents(fingerprint: string): Generator<number> {
    for (const { lastEvent } of this.ofAlert(fingerprint)) yield lastEvent;
  }

  /** Episodes whose timer is due, at most `limit`. */
  due(now: EpochMs, limit: number): readonly number[] {
    return this.#due.all(now, limit);
  }

  /** Open episodes of a severity, ordered by id. */
  openAfter(severity: SeverityClass, id: number, limit: number) {
    return this.#silent.all(severityNumber(severity), id, limit);
  }

  /** An unused id. */
  newId(): number {
    this.#last++;
    return this.#last;
  }

  /** Stores a new episode. @returns its id */
  insert(state: EpisodeState, receipt: EpisodeReceipt, former: number): number {
    const id = this.newId();
    const fingerprint = fingerprintNumber(receipt.fingerprint);
    const identity = [id, state.number, receipt.webhook, fingerprint, receipt.receivedAt, former];
    this.#insert.run(...stateColumns(state, receipt), ...identity);
    this.#identities.set(receipt.webhook, fingerprint, id);
    return id;
  }

  /** Makes an episode that was stored by other means the newest of its alert. */
  setLatest({ id, webhook, fingerprint }: Pick<StoredEpisode, 'id' | 'webhook' | 'fingerprint'>): void {
    this.#identities.set(webhook, fingerprintNumber(fingerprint), id);
  }

  update({ id }: StoredEpisode, state: EpisodeState, receipt: EpisodeReceipt): void {
    this.#update.run(...stateColumns(state, receipt), id);
  }

  /** Updates after a repeat: only the reporters, the time of receipt and the outer times may have changed. */
  updateAfterRepeat({ id }: StoredEpisode, state: EpisodeState, receivedAt: EpochMs): void {
    const { startsAt, endsAt = null, reportedEnd = null } = state;
    const closedBy = reportersValue(state.closedBy);
    const timer = nextTimer(state) ?? null;
    const suspicion = suspicionValues(state.suspect);
    this.#updateAfterRepeat.run(receivedAt, startsAt, endsAt, reportedEnd, closedBy, ...suspicion, timer, id);
  }

  savepoint(): () => void {
    const [last, back] = [this.#last, this.#identities.savepoint()];
    return () => {
      this.#last = last;
      back();
    };
  }

  /** Call after the commit. */
  applyCommitted(): void {
    this.#identities.applyCommitted();
  }

  /**
   * Looks at the next `slice` ids and removes closed episodes last reported before `cutoff`.
   * @returns whether ids are left
   */
  prune(cutoff: EpochMs, slice: number): boolean {
    const through = this.#sweptTo + slice;
    const gone = this.#expired.all(this.#sweptTo, through, cutoff);
    for (const row of gone) this.#forget(row);
    if (gone.length > 0) this.#parts.meta.setNumber(LAST_ID_KEY, this.#last);
    this.#sweptTo = through < this.#last ? through : 0;
    return this.#sweptTo > 0;
  }

  #forget({ id, webhook, fingerprint }: IdentityRow): void {
    // a damaged fingerprint was never in the index
    if (typeof fingerprint !== 'bigint') return;
    if (this.#identities.get(Number(webhook), fingerprint) === Number(id))
      this.#identities.set(Number(webhook), fingerprint, 0);
  }
}
