import type { Statement } from 'better-sqlite3';
import type { EpisodeState } from '../../../alerts/episode.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import {
  stateColumns,
  fingerprintNumber,
  IDENTITY_COLUMNS,
  IDENTITY_MARKS,
  STATE_COLUMNS,
  STATE_MARKS,
  type Value,
} from '../episodes/episode-row.ts';
import type { EpisodeStore } from '../episodes/episode-store.ts';
import type {
  DeliveredAlert,
  EpisodeReceipt,
  EpisodeTable,
  StoredEpisode,
} from '../episodes/episode-table.ts';
import type { EventTable } from '../events/event-log.ts';
import type { StringTable } from '../database/string-table.ts';
import type { Sqlite } from '../database/open-database.ts';
import { SegmentBuffer, encodeEventLine, type StoredEvent } from '../events/segment.ts';

/** The future episodes of a large delivery: read from the ledger's own table, written to the staging table. */
export class StagedEpisodes implements EpisodeTable {
  readonly #base: EpisodeStore;
  readonly #copy: Statement<[number]>;
  readonly #insert: Statement<Value[]>;
  readonly #update: Statement<Value[]>;
  readonly #known = new Map<string, StoredEpisode>();

  constructor(database: Sqlite, base: EpisodeStore) {
    this.#base = base;
    this.#copy = database.prepare(
      'INSERT OR IGNORE INTO staged_episodes SELECT * FROM episodes WHERE id = ?',
    );
    this.#insert = database.prepare<Value[]>(
      `INSERT INTO staged_episodes (${STATE_COLUMNS}, ${IDENTITY_COLUMNS}) VALUES (${STATE_MARKS}, ${IDENTITY_MARKS})`,
    );
    this.#update = database.prepare<Value[]>(
      `UPDATE staged_episodes SET texts = NULL, (${STATE_COLUMNS}) = (${STATE_MARKS}) WHERE id = ?`,
    );
  }

  clear(): void {
    this.#known.clear();
  }

  /** The written episodes; call once they are in the main table. */
  written(): Iterable<StoredEpisode> {
    return this.#known.values();
  }

  latestForDelivery(delivery: DeliveredAlert): StoredEpisode | undefined {
    return this.#known.get(delivery.alert.fingerprint) ?? this.#base.latestForDelivery(delivery);
  }

  /** Forgets what was written about an alert, after a rollback. */
  forget(fingerprint: string): void {
    this.#known.delete(fingerprint);
  }

  insert(state: EpisodeState, receipt: EpisodeReceipt, former: number): number {
    const id = this.#base.newId();
    const { webhook, receivedAt } = receipt;
    const fingerprint = fingerprintNumber(receipt.fingerprint);
    const identity = [id, state.number, webhook, fingerprint, receivedAt, former];
    this.#insert.run(...stateColumns(state, receipt), ...identity);
    this.#remember(id, state, receipt);
    return id;
  }

  update({ id }: StoredEpisode, state: EpisodeState, receipt: EpisodeReceipt): void {
    this.#copy.run(id);
    this.#update.run(...stateColumns(state, receipt), id);
    this.#remember(id, state, receipt);
  }

  updateAfterRepeat(known: StoredEpisode, state: EpisodeState, receivedAt: EpochMs): void {
    this.update(known, state, { ...known, receivedAt, event: known.lastEvent });
  }

  #remember(id: number, state: EpisodeState, receipt: EpisodeReceipt): void {
    const { webhook, fingerprint, receiver, event, receivedAt } = receipt;
    const known = { id, webhook, fingerprint, receiver, lastEvent: event, lastReceivedAt: receivedAt, state };
    this.#known.set(fingerprint, known);
  }
}

/** The events of a large delivery, counted from 1; the negative count replaces an offset until the move. */
export class StagedEvents implements EventTable {
  readonly #strings: StringTable;
  readonly #insert: Statement<[number, number, number, string, string]>;
  readonly #buffer: SegmentBuffer;
  #count = 0;

  constructor(database: Sqlite, names: StringTable) {
    this.#strings = names;
    this.#insert = database.prepare(
      'INSERT INTO staged_segments (first, last, time, types, lines) VALUES (?, ?, ?, ?, ?)',
    );
    this.#buffer = new SegmentBuffer(({ first, last, time, types, lines }) => {
      this.#insert.run(first, last, time, JSON.stringify([...types]), lines);
    });
  }

  get count(): number {
    return this.#count;
  }

  get next(): number {
    return -(this.#count + 1);
  }

  begin(): void {
    this.#count = 0;
  }

  append(event: StoredEvent): void {
    this.#count++;
    const type = this.#strings.idOf(event.type);
    this.#buffer.add(this.#count, type, encodeEventLine(type, event, -this.#count), event);
  }

  /** Writes pending events. Call before a commit. */
  flush(): void {
    this.#buffer.flush();
  }

  savepoint(): () => void {
    const [count, back] = [this.#count, this.#buffer.savepoint()];
    return () => {
      this.#count = count;
      back();
    };
  }
}
