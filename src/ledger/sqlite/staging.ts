import type { Statement } from 'better-sqlite3';
import type { EpisodeState } from '../../domain/episode.ts';
import {
  columns,
  identity,
  STATE_COLUMNS,
  STATE_MARKS,
  type EpisodeStore,
  type NextTimer,
} from './episode-store.ts';
import type { EpisodeReceipt, EpisodeTable, EventTable, KnownEpisode, StoredEvent } from './episode-table.ts';
import type { Names } from './names.ts';
import type { Sqlite } from './open.ts';

type Value = number | bigint | string | null;

/** The episodes of a large delivery as they will be: read from the ledger's own table, written beside it. */
export class StagedEpisodes implements EpisodeTable {
  readonly #base: EpisodeStore;
  readonly #nextTimer: NextTimer;
  readonly #copy: Statement<[number]>;
  readonly #insert: Statement<Value[]>;
  readonly #update: Statement<Value[]>;
  readonly #known = new Map<string, KnownEpisode>();

  constructor(database: Sqlite, base: EpisodeStore, nextTimer: NextTimer) {
    this.#base = base;
    this.#nextTimer = nextTimer;
    this.#copy = database.prepare(
      'INSERT OR IGNORE INTO staged_episodes SELECT * FROM episodes WHERE id = ?',
    );
    this.#insert = database.prepare(
      `INSERT INTO staged_episodes (${STATE_COLUMNS}, id, number, webhook, fingerprint, first_received) VALUES (${STATE_MARKS}, ?, ?, ?, ?, ?)`,
    );
    this.#update = database.prepare(
      `UPDATE staged_episodes SET (${STATE_COLUMNS}) = (${STATE_MARKS}) WHERE id = ?`,
    );
  }

  clear(): void {
    this.#known.clear();
  }

  latest(webhook: number, fingerprint: string): KnownEpisode | undefined {
    return this.#known.get(fingerprint) ?? this.#base.latest(webhook, fingerprint);
  }

  /** What was written about an alert since was rolled back. */
  forget(fingerprint: string): void {
    this.#known.delete(fingerprint);
  }

  insert(state: EpisodeState, receipt: EpisodeReceipt): number {
    const id = this.#base.newId();
    this.#insert.run(...columns(state, receipt, this.#nextTimer), ...identity(id, state, receipt));
    this.#remember(id, state, receipt);
    return id;
  }

  update({ id }: KnownEpisode, state: EpisodeState, receipt: EpisodeReceipt): void {
    this.#copy.run(id);
    this.#update.run(...columns(state, receipt, this.#nextTimer), id);
    this.#remember(id, state, receipt);
  }

  touch(known: KnownEpisode, state: EpisodeState, receivedAt: number): void {
    this.update(known, state, { ...known, receivedAt, event: known.lastEvent });
  }

  #remember(id: number, state: EpisodeState, receipt: EpisodeReceipt): void {
    const { webhook, fingerprint, receiver, event, receivedAt } = receipt;
    const known = { id, webhook, fingerprint, receiver, lastEvent: event, lastReceivedAt: receivedAt, state };
    this.#known.set(fingerprint, known);
  }
}

/** The events of a large delivery, counted from 1; what will be an offset is the negative count until then. */
export class StagedEvents implements EventTable {
  readonly #names: Names;
  readonly #insert: Statement<Value[]>;
  count = 0;

  constructor(database: Sqlite, names: Names) {
    this.#names = names;
    this.#insert = database.prepare(
      'INSERT INTO staged_events (seq, type, time, previous, subject, data) VALUES (?, ?, ?, ?, ?, ?)',
    );
  }

  get next(): number {
    return -(this.count + 1);
  }

  append({ type, time, previous, subject, data }: StoredEvent): void {
    this.count++;
    this.#insert.run(this.count, this.#names.id(type), time, previous ?? null, subject ?? null, data);
  }
}
