import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import { parseEventId } from '../../../domain/event.ts';
import type { EventSlice, EventSliceQuery, WireEvent } from '../../thread/protocol.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { EventLog } from './event-log.ts';
import type { StringTable } from '../database/string-table.ts';
import type { Sqlite } from '../database/open-database.ts';
import type { SegmentReader } from './segment-reader.ts';
import { SegmentLines, type Segment } from './segment.ts';

type Order = 'ASC' | 'DESC';
/** Offsets from `above` to `below`, both exclusive, with events at or after `since`. */
interface Range {
  readonly above: number;
  readonly below: number;
  readonly since: EpochMs;
}
type RangeStatement = Statement<[Range & { readonly value: number | string | null }], Segment>;

interface ReaderParts {
  readonly log: Pick<EventLog, 'last' | 'pruned'>;
  readonly strings: StringTable;
  readonly segments: SegmentReader;
  readonly unreadable: UnreadableRows;
  readonly epoch: string;
  /** Offsets of the last events of an alert's episodes, the newest of each webhook first. */
  readonly episodes: { readonly lastEvents: (fingerprint: string) => Iterable<number> };
}

/** How many offsets are searched for an alert's previous event if the link to it is damaged. */
const MAX_SEARCHED = 100_000;
const COLUMNS = 's.first, s.last, s.time, s.subject, s.lines';
const IN_RANGE = 's.first < @below AND s.last > @above AND +s.time >= @since';
// first offset of the segment that contains the start of the range
const FIRST = '(SELECT coalesce(max(first), 0) FROM segments WHERE first <= @above + 1)';

/** Answers queries for events, a slice at a time, so that commits need not wait for a long answer. */
export class EventReader {
  readonly #parts: ReaderParts;
  readonly #everything: Record<Order, RangeStatement>;
  readonly #ofType: Record<Order, RangeStatement>;
  readonly #ofSubject: Record<Order, RangeStatement>;
  readonly #latest: Statement<[number], number>;
  readonly #mentioning: Statement<[number, number, string], Segment>;

  constructor(database: Sqlite, parts: ReaderParts) {
    this.#parts = parts;
    const prepare = (from: string, order: Order): RangeStatement =>
      database.prepare(
        `SELECT ${COLUMNS} FROM ${from} AND s.first >= ${FIRST} AND ${IN_RANGE} ORDER BY s.first ${order}`,
      );
    const both = (from: string) => ({ ASC: prepare(from, 'ASC'), DESC: prepare(from, 'DESC') });
    this.#everything = both('segments s WHERE @value IS NULL');
    this.#ofType = both(
      `(SELECT first FROM segment_types WHERE type = @value) t CROSS JOIN segments s ON s.first = t.first WHERE 1`,
    );
    this.#ofSubject = both('segments s WHERE s.subject = @value');
    this.#mentioning = database.prepare(
      `SELECT ${COLUMNS} FROM segments s WHERE first < ? AND first > ? AND instr(lines, ?) > 0
       ORDER BY first DESC LIMIT 1`,
    );
    this.#latest = database
      .prepare<[number], number>('SELECT latest FROM segments WHERE first <= ? ORDER BY first DESC LIMIT 1')
      .pluck();
  }

  slice(query: EventSliceQuery): EventSlice {
    const { log, epoch } = this.#parts;
    const after = query.after === undefined ? log.pruned : this.#offsetOf(query.after);
    if (after === undefined || after < log.pruned || after > log.last) return this.#gone();
    const order = query.order === 'desc' ? 'DESC' : 'ASC';
    const since = query.since ?? Number.MIN_SAFE_INTEGER;
    const range: Range = {
      above: Math.max(after, this.#lastBefore(since)),
      below: query.before ?? log.last + 1,
      since,
    };
    const events = cutAtBytes(this.#find(query, range, order), query.maxBytes);
    const full = events.isCut || events.rows.length === query.limit;
    return {
      epoch,
      events: events.rows,
      full,
      // a filter without matches must not hold a reader back until retention overtakes it
      next: full ? (events.rows.at(-1)?.offset ?? after) : log.last,
    };
  }

  #gone(): EventSlice {
    const { log, epoch } = this.#parts;
    const oldest = log.pruned + 1;
    return oldest > log.last ? { gone: true } : { gone: true, oldest: `${epoch}-${oldest}` };
  }

  #offsetOf(id: string): number | undefined {
    const place = parseEventId(id);
    return place?.epoch === this.#parts.epoch ? place.offset : undefined;
  }

  #find(
    { type, subject, limit, maxBytes }: EventSliceQuery,
    range: Range,
    order: Order,
  ): readonly WireEvent[] {
    const types = type === undefined ? undefined : new Set(this.#types(type));
    const scan = (statement: Record<Order, RangeStatement>, value: number | string | null, only = types) =>
      takeUntilFull(
        this.#scan(statement[order].iterate({ ...range, value }), { range, order, types: only }),
        {
          limit,
          maxBytes,
        },
      );
    if (subject === undefined && types === undefined) return scan(this.#everything, null);
    const found =
      subject === undefined
        ? [...(types ?? [])].flatMap((one) => scan(this.#ofType, one, new Set([one])))
        : [...scan(this.#ofSubject, subject), ...this.#ofAlert(subject, range, types)];
    return found.sort((a, b) => (order === 'ASC' ? 1 : -1) * (a.offset - b.offset)).slice(0, limit);
  }

  *#scan(
    segments: Iterable<Segment>,
    { range, order, types }: { range: Range; order: Order; types: ReadonlySet<number> | undefined },
  ): Generator<WireEvent> {
    for (const segment of segments) {
      const lines = new SegmentLines(segment);
      const from = Math.max(segment.first, range.above + 1);
      const to = Math.min(lines.segment.last, range.below - 1);
      for (let i = 0; i <= to - from; i++) {
        const offset = order === 'ASC' ? from + i : to - i;
        if (types?.has(lines.type(offset)) !== false) yield this.#event(lines, offset);
      }
    }
  }

  /** Events of an alert, whose subject is its fingerprint: each links to the previous one. */
  *#ofAlert(subject: string, range: Range, types: ReadonlySet<number> | undefined): Generator<WireEvent> {
    if (!/^[0-9a-f]{16}$/.test(subject)) return;
    const seen = new Set<number>();
    for (const last of this.#parts.episodes.lastEvents(subject)) {
      // if that is damaged, the search begins with the newest event of all
      let offset = Number.isSafeInteger(last) ? last : this.#parts.log.last;
      while (offset > range.above && !seen.has(offset)) {
        seen.add(offset);
        const lines = this.#parts.segments.segmentAt(offset);
        if (lines === undefined) break;
        const wanted = offset < range.below && !(lines.segment.time < range.since);
        const isOther = types?.has(lines.type(offset)) === false || lines.subject(offset) !== subject;
        if (wanted && !isOther) yield this.#event(lines, offset);
        offset = this.#previousOf(lines, offset, subject);
      }
    }
  }

  /**
   * The previous event of an alert; 0 for its first. If the link is damaged, the next older event found by searching.
   */
  #previousOf(lines: SegmentLines, offset: number, subject: string): number {
    const alert = this.#parts.unreadable.readOrSkip('segments', offset, () => lines.alert(offset));
    if (alert?.fingerprint === subject) return alert.previous;
    for (let segment: Segment | undefined = lines.segment, below = offset; segment !== undefined;) {
      const older = new SegmentLines(segment);
      for (let at = Math.min(older.segment.last, below - 1); at >= segment.first; at--)
        if (older.subject(at) === subject) return at;
      below = segment.first;
      segment = this.#mentioning.get(below, offset - MAX_SEARCHED, `\t${subject}\t`);
    }
    return 0;
  }

  #event(lines: SegmentLines, offset: number): WireEvent {
    const type = this.#parts.strings.name(lines.type(offset));
    const { time } = lines.segment;
    return { offset, type, subject: lines.subject(offset), time, data: lines.data(offset, type) };
  }

  #types(type: string): readonly number[] {
    const { strings } = this.#parts;
    if (type.endsWith('.*')) return strings.idsWithPrefix(type.slice(0, -1));
    const id = strings.known(type);
    return id === undefined ? [] : [id];
  }

  /** The last offset up to which every event is known to be older than `since`. */
  #lastBefore(since: EpochMs): number {
    let low = this.#parts.log.pruned;
    let high = this.#parts.log.last + 1;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#latest.get(middle) ?? Number.MAX_SAFE_INTEGER) < since) low = middle;
      else high = middle;
    }
    return low;
  }
}

/** At most `limit` events, and none after their data has reached `maxBytes`. */
function takeUntilFull(
  events: Iterable<WireEvent>,
  { limit, maxBytes = Infinity }: { readonly limit: number; readonly maxBytes: number | undefined },
): WireEvent[] {
  const taken: WireEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    if (taken.length === limit || bytes >= maxBytes) break;
    bytes += event.data.length;
    taken.push(event);
  }
  return taken;
}

/** The first events, until their data reaches the limit; at least one. Results combined from parts may exceed it. */
function cutAtBytes(
  events: readonly WireEvent[],
  maxBytes = Infinity,
): { rows: readonly WireEvent[]; isCut: boolean } {
  let bytes = 0;
  const end = events.findIndex(({ data }) => (bytes += data.length) >= maxBytes);
  return end === -1 ? { rows: events, isCut: false } : { rows: events.slice(0, end + 1), isCut: true };
}
