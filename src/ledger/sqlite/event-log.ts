import type { Statement } from 'better-sqlite3';
import type { Meta } from './meta.ts';
import type { Names } from './names.ts';
import type { Sqlite } from './open.ts';

/** An event as it is stored; `data` is JSON text. */
export interface StoredEvent {
  readonly type: string;
  readonly subject: string | undefined;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly data: string;
  /** Of an alert's event: the offset of the one before it in its episode, 0 for the first. */
  readonly previous?: number;
}

const PRUNED = 'events_pruned_through';

/** Appends events under gapless offsets, and forgets the oldest. */
export class EventLog {
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
