import type { Statement } from 'better-sqlite3';
import type { EventTable, StoredEvent } from './episode-table.ts';
import type { Meta } from './meta.ts';
import type { Names } from './names.ts';
import type { Sqlite } from './open.ts';

const PRUNED = 'events_pruned_through';

/** Appends events under gapless offsets, and forgets the oldest. */
export class EventLog implements EventTable {
  readonly #names: Names;
  readonly #meta: Meta;
  readonly #insert: Statement<(number | string | null)[]>;
  readonly #expired: Statement<[number, number], number | null>;
  readonly #delete: Statement<[number]>;
  #last: number;
  #latest: number;
  #pruned: number;

  constructor(database: Sqlite, names: Names, meta: Meta) {
    this.#names = names;
    this.#meta = meta;
    this.#insert = database.prepare(
      'INSERT INTO events (offset, type, time, latest, previous, subject, data) VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    this.#expired = database
      .prepare<[number, number], number | null>(
        'SELECT max(offset) FROM (SELECT offset, latest FROM events ORDER BY offset LIMIT ?) WHERE latest < ?',
      )
      .pluck();
    this.#delete = database.prepare('DELETE FROM events WHERE offset <= ?');
    this.#pruned = meta.number(PRUNED);
    const newest = database
      .prepare<[], { offset: number; latest: number }>(
        'SELECT offset, latest FROM events ORDER BY offset DESC LIMIT 1',
      )
      .get();
    this.#last = Math.max(newest?.offset ?? 0, this.#pruned);
    this.#latest = newest?.latest ?? 0;
  }

  /** The offset of the newest event; 0 when there never was one. */
  get last(): number {
    return this.#last;
  }

  /** The offset that the next event will have. */
  get next(): number {
    return this.#last + 1;
  }

  /** Takes offsets for events that are written by other means. @returns the first of them, and their `latest` */
  reserve(count: number, time: number): { base: number; latest: number } {
    const base = this.#last + 1;
    this.#last += count;
    if (count > 0) this.#latest = Math.max(this.#latest, time);
    return { base, latest: this.#latest };
  }

  /** The greatest offset that retention removed. */
  get pruned(): number {
    return this.#pruned;
  }

  append(event: StoredEvent): void {
    this.#last++;
    this.#latest = Math.max(this.#latest, event.time);
    const type = this.#names.id(event.type);
    const { time, previous, subject, data } = event;
    this.#insert.run(this.#last, type, time, this.#latest, previous ?? null, subject ?? null, data);
  }

  /** Takes the log's memory of where it stands back to now, when a rollback has done so to the file. */
  mark(): () => void {
    const [last, latest, pruned] = [this.#last, this.#latest, this.#pruned];
    return () => {
      this.#last = last;
      this.#latest = latest;
      this.#pruned = pruned;
    };
  }

  /** Removes at most `slice` of the oldest events before `cutoff` (ms); whether there may be more. */
  prune(cutoff: number, slice: number): boolean {
    const through = this.#expired.get(slice, cutoff) ?? undefined;
    if (through === undefined) return false;
    const { changes } = this.#delete.run(through);
    this.#pruned = through;
    this.#meta.set(PRUNED, through);
    return changes === slice;
  }
}
