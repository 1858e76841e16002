import type { Statement } from 'better-sqlite3';
import type { SeverityClass } from '../../domain/alert.ts';
import type { EpisodeState } from '../../domain/episode.ts';
import {
  columns,
  fingerprintNumber,
  IDENTITY_COLUMNS,
  IDENTITY_MARKS,
  knownOf,
  reportersValue,
  severityNumber,
  STATE_COLUMNS,
  STATE_MARKS,
  suspicionValues,
  type EpisodeRow,
  type NextTimer,
  type TextsOf,
  type Value,
} from './episode-row.ts';
import type { EpisodeReceipt, EpisodeTable, KnownEpisode } from './episode-table.ts';
import { IdentityIndex } from './identity-index.ts';
import type { Meta } from './meta.ts';
import type { Sqlite } from './open.ts';

const LAST = 'episodes_last';

interface StoreParts {
  readonly meta: Meta;
  readonly nextTimer: NextTimer;
  readonly textsOf: TextsOf;
}

interface ExpiredRow {
  readonly id: bigint;
  readonly webhook: bigint;
  readonly fingerprint: bigint;
}

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
  readonly #touch: Statement<Value[]>;
  readonly #link: Statement<[number], { readonly former: number; readonly last_event: number }>;
  readonly #expired: Statement<[number, number, number], ExpiredRow>;
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
      `UPDATE episodes SET (${STATE_COLUMNS}) = (${STATE_MARKS}) WHERE id = ?`,
    );
    this.#touch = database.prepare(
      `UPDATE episodes SET last_received = ?, starts = ?, ends = ?, reported_end = ?, closed_by = ?,
       suspect_until = ?, suspect_same = ?, timer = ? WHERE id = ?`,
    );
    this.#link = database.prepare('SELECT former, last_event FROM episodes WHERE id = ?');
    this.#expired = database
      .prepare<[number, number, number], ExpiredRow>(
        `DELETE FROM episodes WHERE id > ? AND id <= ? AND open = 0 AND last_received < ?
         RETURNING id, webhook, fingerprint`,
      )
      .safeIntegers();
    const newest = database.prepare<[], number | null>('SELECT max(id) FROM episodes').pluck().get() ?? 0;
    this.#last = Math.max(newest, parts.meta.number(LAST));
    const all = database
      .prepare<[], ExpiredRow>('SELECT id, webhook, fingerprint FROM episodes ORDER BY id')
      .safeIntegers();
    for (const { id, webhook, fingerprint } of all.iterate())
      this.#identities.load(Number(webhook), fingerprint, Number(id));
  }

  /** The newest episode of an alert. */
  latest(webhook: number, fingerprint: string): KnownEpisode | undefined {
    const id = this.#identities.get(webhook, fingerprintNumber(fingerprint));
    return id === 0 ? undefined : this.byId(id);
  }

  byId(id: number): KnownEpisode | undefined {
    const row = this.#byId.get(id);
    return row === undefined ? undefined : knownOf(row, this.#parts.textsOf);
  }

  /** An alert's episodes, newest first. @param webhook undefined: of every one */
  *ofAlert(fingerprint: string, webhook?: number): Generator<{ id: number; lastEvent: number }> {
    const number = fingerprintNumber(fingerprint);
    const newest =
      webhook === undefined ? this.#identities.everywhere(number) : [this.#identities.get(webhook, number)];
    for (const start of newest) {
      for (let id = start; id > 0;) {
        const link = this.#link.get(id);
        if (link === undefined) break;
        yield { id, lastEvent: link.last_event };
        id = link.former;
      }
    }
  }

  /** Episodes whose timer has come, at most `limit`. */
  due(now: number, limit: number): readonly number[] {
    return this.#due.all(now, limit);
  }

  /** Open episodes of a severity, in the order of their ids. */
  openAfter(severity: SeverityClass, id: number, limit: number) {
    return this.#silent.all(severityNumber(severity), id, limit);
  }

  /** An id that no episode has. */
  newId(): number {
    this.#last++;
    return this.#last;
  }

  /** Stores a new episode. @returns its id */
  insert(state: EpisodeState, receipt: EpisodeReceipt, former: number): number {
    const id = this.newId();
    const fingerprint = fingerprintNumber(receipt.fingerprint);
    const identity = [id, state.number, receipt.webhook, fingerprint, receipt.receivedAt, former];
    this.#insert.run(...columns(state, receipt, this.#parts.nextTimer), ...identity);
    this.#identities.set(receipt.webhook, fingerprint, id);
    return id;
  }

  /** An episode that was stored by other means is the newest of its alert. */
  adopt({ id, webhook, fingerprint }: Pick<KnownEpisode, 'id' | 'webhook' | 'fingerprint'>): void {
    this.#identities.set(webhook, fingerprintNumber(fingerprint), id);
  }

  update({ id }: KnownEpisode, state: EpisodeState, receipt: EpisodeReceipt): void {
    this.#update.run(...columns(state, receipt, this.#parts.nextTimer), id);
  }

  /** A repeat: only who has reported what, the time of receipt and the outer times may have changed. */
  touch({ id }: KnownEpisode, state: EpisodeState, receivedAt: number): void {
    const { startsAt, endsAt = null, reportedEnd = null } = state;
    const closedBy = reportersValue(state.closedBy);
    const timer = this.#parts.nextTimer(state) ?? null;
    const suspicion = suspicionValues(state.suspect);
    this.#touch.run(receivedAt, startsAt, endsAt, reportedEnd, closedBy, ...suspicion, timer, id);
  }

  mark(): () => void {
    const [last, back] = [this.#last, this.#identities.mark()];
    return () => {
      this.#last = last;
      back();
    };
  }

  /** What was written is on disk. */
  apply(): void {
    this.#identities.apply();
  }

  /** Looks at the next `slice` ids and removes closed episodes last heard of before `cutoff`; whether ids are left. */
  prune(cutoff: number, slice: number): boolean {
    const through = this.#sweptTo + slice;
    const gone = this.#expired.all(this.#sweptTo, through, cutoff);
    for (const row of gone) this.#forget(row);
    if (gone.length > 0) this.#parts.meta.set(LAST, this.#last);
    this.#sweptTo = through < this.#last ? through : 0;
    return this.#sweptTo > 0;
  }

  #forget({ id, webhook, fingerprint }: ExpiredRow): void {
    if (this.#identities.get(Number(webhook), fingerprint) === Number(id))
      this.#identities.set(Number(webhook), fingerprint, 0);
  }
}
