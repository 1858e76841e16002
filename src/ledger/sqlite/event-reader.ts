import type { Statement } from 'better-sqlite3';
import { parseEventId } from '../../domain/event.ts';
import { fingerprintNumber } from './episode-store.ts';
import type { EventLog } from './event-log.ts';
import type { Names } from './names.ts';
import type { Sqlite } from './open.ts';
import type { EventSlice, EventSliceQuery, WireEvent } from '../protocol.ts';

type Order = 'ASC' | 'DESC';
/** Offsets from `above` to `below`, both exclusive, with events at or after `since`. */
interface Range {
  readonly above: number;
  readonly below: number;
  readonly since: number;
}
type Filter = number | bigint | string | null;
interface RangeValues extends Range {
  /** What the filter looks for, in its own meaning. */
  readonly value: Filter;
  readonly also: Filter;
  readonly limit: number;
}
type RangeStatement = Statement<[RangeValues], number>;

/** Answers queries for events, a slice at a time, so that commits need not wait for a long answer. */
export class EventReader {
  readonly #log: EventLog;
  readonly #names: Names;
  readonly #epoch: string;
  readonly #everything: Record<Order, RangeStatement>;
  readonly #ofType: Record<Order, RangeStatement>;
  readonly #ofSubject: Record<Order, RangeStatement>;
  readonly #ofAlert: Record<Order, RangeStatement>;
  readonly #rows: Statement<[string], WireEvent>;
  readonly #latest: Statement<[number], number>;

  constructor(database: Sqlite, parts: { log: EventLog; names: Names; epoch: string }) {
    this.#log = parts.log;
    this.#names = parts.names;
    this.#epoch = parts.epoch;
    const prepare = (filter: string, order: Order): RangeStatement =>
      database
        .prepare<[RangeValues], number>(
          `SELECT offset FROM events WHERE ${filter} AND offset > @above AND offset < @below AND +time >= @since
           ORDER BY offset ${order} LIMIT @limit`,
        )
        .pluck();
    const both = (filter: string) => ({ ASC: prepare(filter, 'ASC'), DESC: prepare(filter, 'DESC') });
    // each takes two values for its filter, so that all are called alike
    this.#everything = both('@value IS NULL AND @also IS NULL');
    this.#ofType = both('type = @value AND @also IS NULL');
    const typeIs = '(@also IS NULL OR +type IN (SELECT value FROM json_each(@also)))';
    this.#ofSubject = both(`previous IS NULL AND subject = @value AND ${typeIs}`);
    this.#ofAlert = both(`offset IN (
      WITH RECURSIVE chain (event) AS (
        SELECT last_event FROM episodes WHERE fingerprint = @value AND last_event > @above
        UNION ALL SELECT previous FROM events, chain WHERE offset = event AND previous > @above
      ) SELECT event FROM chain) AND ${typeIs}`);
    this.#rows = database.prepare<[string], WireEvent>(
      `SELECT offset, name AS type, subject, time, data FROM events JOIN names ON names.id = events.type
       WHERE offset IN (SELECT value FROM json_each(?))`,
    );
    this.#latest = database.prepare<[number], number>('SELECT latest FROM events WHERE offset = ?').pluck();
  }

  slice(query: EventSliceQuery): EventSlice {
    const after = query.after === undefined ? this.#log.pruned : this.#offsetOf(query.after);
    if (after === undefined || after < this.#log.pruned || after > this.#log.last) return this.#gone();
    const order = query.order === 'desc' ? 'DESC' : 'ASC';
    const since = query.since ?? Number.MIN_SAFE_INTEGER;
    const range: Range = {
      above: Math.max(after, this.#lastBefore(since)),
      below: query.before ?? this.#log.last + 1,
      since,
    };
    const offsets = this.#offsets(query, range, order);
    const full = offsets.length === query.limit;
    return {
      epoch: this.#epoch,
      events: this.#read(offsets, order),
      full,
      // a filter that finds nothing must not hold a reader back until retention overtakes it
      next: full ? (offsets.at(-1) ?? after) : this.#log.last,
    };
  }

  #gone(): EventSlice {
    const oldest = this.#log.pruned + 1;
    return oldest > this.#log.last ? { gone: true } : { gone: true, oldest: `${this.#epoch}-${oldest}` };
  }

  #offsetOf(id: string): number | undefined {
    const place = parseEventId(id);
    return place?.epoch === this.#epoch ? place.offset : undefined;
  }

  #offsets(query: EventSliceQuery, range: Range, order: Order): readonly number[] {
    const types = query.type === undefined ? undefined : this.#types(query.type);
    const ask = (statement: Record<Order, RangeStatement>, value: Filter, also: Filter = null) =>
      statement[order].all({ ...range, value, also, limit: query.limit });
    if (types === undefined && query.subject === undefined) return ask(this.#everything, null);
    const found =
      query.subject === undefined
        ? (types ?? []).flatMap((type) => ask(this.#ofType, type))
        : this.#ofOneSubject(query.subject, types, ask);
    return found.sort((a, b) => (order === 'ASC' ? a - b : b - a)).slice(0, query.limit);
  }

  /** Events of a service, and those of an alert, whose subject is a fingerprint. */
  #ofOneSubject(
    subject: string,
    types: readonly number[] | undefined,
    ask: (statement: Record<Order, RangeStatement>, value: Filter, also: Filter) => readonly number[],
  ): number[] {
    const among = types === undefined ? null : JSON.stringify(types);
    const alert = /^[0-9a-f]{16}$/.test(subject) ? ask(this.#ofAlert, fingerprintNumber(subject), among) : [];
    return [...ask(this.#ofSubject, subject, among), ...alert];
  }

  #types(type: string): readonly number[] {
    if (type.endsWith('.*')) return this.#names.startingWith(type.slice(0, -1));
    const id = this.#names.known(type);
    return id === undefined ? [] : [id];
  }

  #read(offsets: readonly number[], order: Order): readonly WireEvent[] {
    const rows = this.#rows.all(JSON.stringify(offsets));
    return rows.sort((a, b) => (order === 'ASC' ? a.offset - b.offset : b.offset - a.offset));
  }

  /** The last offset of which it is sure that nothing up to it is as late as `since`. */
  #lastBefore(since: number): number {
    let low = this.#log.pruned;
    let high = this.#log.last + 1;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#latest.get(middle) ?? Number.MAX_SAFE_INTEGER) < since) low = middle;
      else high = middle;
    }
    return low;
  }
}
