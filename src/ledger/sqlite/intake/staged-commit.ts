import type { Statement } from 'better-sqlite3';
import type { MetaTable } from '../database/meta-table.ts';
import type { Sqlite } from '../database/open-database.ts';

/** Meta keys of a large delivery: the id under which it is being written and, once it is decided, its base. */
const DELIVERY = 'staged_delivery';
const BASE = 'staged_base';
const LATEST = 'staged_latest';
/** Rows moved per commit. */
const SLICE = 400;

interface Range {
  readonly base: number;
  readonly latest: number;
  readonly from: number;
  readonly to: number;
}

/**
 * The rows of a large delivery, from the first slice until all are in the main tables. Writes only within a
 * transaction.
 */
export class StagedCommit {
  readonly #meta: MetaTable;
  readonly #clear: readonly Statement<[]>[];
  readonly #last: readonly Statement<[], number | null>[];
  readonly #segments: Statement<[Range]>;
  readonly #types: Statement<[Range]>;
  readonly #number: Statement<[Range]>;
  readonly #episodes: Statement<[Range]>;
  #moved = 0;

  constructor(database: Sqlite, meta: MetaTable) {
    this.#meta = meta;
    const tables = ['staged_segments', 'staged_episodes'];
    this.#clear = tables.map((table) => database.prepare<[]>(`DELETE FROM ${table}`));
    this.#last = tables.map((table) =>
      database.prepare<[], number | null>(`SELECT max(rowid) FROM ${table}`).pluck(),
    );
    this.#segments = database.prepare(
      `INSERT OR IGNORE INTO segments (first, last, time, latest, subject, lines)
       SELECT @base - 1 + first, @base - 1 + last, time, @latest, NULL, lines
       FROM staged_segments WHERE first > @from AND first <= @to`,
    );
    this.#types = database.prepare(
      `INSERT OR IGNORE INTO segment_types (type, first)
       SELECT value, @base - 1 + first FROM staged_segments, json_each(types) WHERE first > @from AND first <= @to`,
    );
    this.#number = database.prepare(
      `UPDATE staged_episodes SET last_event = @base - 1 - last_event
       WHERE last_event < 0 AND rowid > @from AND rowid <= @to`,
    );
    this.#episodes = database.prepare(
      `INSERT OR REPLACE INTO episodes SELECT * FROM staged_episodes
       WHERE rowid > @from AND rowid <= @to`,
    );
  }

  /** The id under which an undecided delivery was being written when the process ended; 0: none. */
  get undecided(): number {
    return this.decided ? 0 : this.#meta.getNumber(DELIVERY);
  }

  /** Whether the whole delivery is on disk and has its offsets, though some rows may not be in the main tables yet. */
  get decided(): boolean {
    return this.#meta.getNumber(BASE) > 0;
  }

  begin(delivery: number): void {
    this.clear();
    this.#meta.setNumber(DELIVERY, delivery);
  }

  decide({ base, latest }: { base: number; latest: number }): void {
    this.#meta.setNumber(BASE, base);
    this.#meta.setNumber(LATEST, latest);
    this.#moved = 0;
  }

  /** Moves a slice of the rows to the main tables; idempotent. @returns whether there are more */
  moveSlice(): boolean {
    const range = {
      base: this.#meta.getNumber(BASE),
      latest: this.#meta.getNumber(LATEST),
      from: this.#moved,
      to: this.#moved + SLICE,
    };
    for (const statement of [this.#segments, this.#types, this.#number, this.#episodes]) statement.run(range);
    this.#moved = range.to;
    return this.#last.some((last) => (last.get() ?? 0) > range.to);
  }

  clear(): void {
    for (const statement of this.#clear) statement.run();
    for (const key of [DELIVERY, BASE, LATEST]) this.#meta.setNumber(key, 0);
    this.#moved = 0;
  }

  /** A slice that was rolled back is moved again. */
  savepoint(): () => void {
    const moved = this.#moved;
    return () => {
      this.#moved = moved;
    };
  }
}
