import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { MetaTable } from '../database/meta-table.ts';
import type { StringTable } from '../database/string-table.ts';
import type { Sqlite } from '../database/open-database.ts';
import type { SegmentReader } from './segment-reader.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import {
  encodeTexts,
  decodeAlertLine,
  SegmentBuffer,
  SegmentLines,
  encodeEventLine,
  type NewSegment,
  type Segment,
  type StoredEvent,
  type AlertTexts,
} from './segment.ts';

const PRUNED = 'events_pruned_through';

/** Where the events of alerts are written: the ledger's own log, or the staging tables of a large delivery. */
export interface EventTable {
  /** Identifies the next event in `last_event` and `previous`. */
  readonly next: number;
  append(event: StoredEvent): void;
}

interface EventLogParts {
  readonly strings: StringTable;
  readonly meta: MetaTable;
  readonly segments: SegmentReader;
  readonly unreadable: UnreadableRows;
}

/** Appends events under gapless offsets, and removes the oldest. */
export class EventLog implements EventTable {
  readonly #parts: EventLogParts;
  readonly #insert: Statement<(number | string | null)[]>;
  readonly #insertType: Statement<[number, number]>;
  readonly #delete: Statement<[number]>;
  readonly #deleteType: Statement<[number, number]>;
  readonly #deleteTypes: Statement<[number]>;
  readonly #storeTexts: Statement<[string, number, number]>;
  readonly #buffer = new SegmentBuffer((segment) => this.#write(segment));
  #last: number;
  #latest: number;
  #pruned: number;

  constructor(database: Sqlite, parts: EventLogParts) {
    this.#parts = parts;
    this.#insert = database.prepare(
      'INSERT INTO segments (first, last, time, latest, subject, lines) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#insertType = database.prepare('INSERT INTO segment_types (type, first) VALUES (?, ?)');
    this.#delete = database.prepare('DELETE FROM segments WHERE first = ?');
    this.#deleteType = database.prepare('DELETE FROM segment_types WHERE type = ? AND first = ?');
    this.#deleteTypes = database.prepare('DELETE FROM segment_types WHERE first = ?');
    this.#storeTexts = database.prepare('UPDATE episodes SET texts = ? WHERE id = ? AND last_event = ?');
    this.#pruned = parts.meta.getNumber(PRUNED);
    const newest = database
      .prepare<[], Segment & { readonly latest: number }>(
        'SELECT * FROM segments ORDER BY first DESC LIMIT 1',
      )
      .get();
    const last = newest === undefined ? 0 : new SegmentLines(newest).segment.last;
    this.#last = Math.max(last, this.#pruned);
    this.#latest = [newest?.latest, newest?.time].find(Number.isSafeInteger) ?? 0;
  }

  /** The offset of the newest event; 0 if there never was one. */
  get last(): number {
    return this.#last;
  }

  /** The offset of the next event. */
  get next(): number {
    return this.#last + 1;
  }

  /**
   * Reserves offsets for events that are written by other means.
   * @returns the first offset, and `latest` for the events
   */
  reserve(count: number, time: EpochMs): { base: number; latest: number } {
    this.flush();
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
    const type = this.#parts.strings.idOf(event.type);
    this.#buffer.add(this.#last, type, encodeEventLine(type, event, this.#last), event);
  }

  /** Writes pending events. Call before a commit. */
  flush(): void {
    this.#buffer.flush();
  }

  /** The texts of an alert's event; undefined if retention removed it. @throws Error if it is unreadable */
  texts(offset: number): AlertTexts | undefined {
    const line = this.#buffer.line(offset);
    return line === undefined
      ? this.#parts.segments.segmentAt(offset)?.alert(offset)
      : decodeAlertLine(line, offset);
  }

  /** Records the state in memory; the returned function restores it after a rollback. */
  savepoint(): () => void {
    const [last, latest, pruned, back] = [this.#last, this.#latest, this.#pruned, this.#buffer.savepoint()];
    return () => {
      this.#last = last;
      this.#latest = latest;
      this.#pruned = pruned;
      this.#parts.segments.clearCache();
      back();
    };
  }

  /**
   * Removes the oldest events before `cutoff`, whole segments of about `slice` events.
   * @returns whether there may be more
   */
  prune(cutoff: EpochMs, slice: number): boolean {
    const old = this.#parts.segments.oldest(cutoff, slice);
    for (const lines of old) {
      this.#deleteSegment(lines);
      this.#delete.run(lines.segment.first);
      this.#pruned = Math.max(this.#pruned, lines.segment.last);
    }
    if (old.length > 0) this.#parts.meta.setNumber(PRUNED, this.#pruned);
    return old.length > 0;
  }

  /** Removes all references to a segment: episodes keep the texts of its events. */
  #deleteSegment(lines: SegmentLines): void {
    const { first, last } = lines.segment;
    for (let offset = first; offset <= last; offset++) {
      const type = lines.type(offset);
      if (Number.isNaN(type)) this.#deleteTypes.run(first);
      else this.#deleteType.run(type, first);
      this.#parts.unreadable.readOrSkip('segments', offset, () => {
        const alert = lines.alert(offset);
        if (alert !== undefined) this.#storeTexts.run(encodeTexts(alert), alert.episode, offset);
      });
    }
  }

  #write({ first, last, time, subject, lines, types }: NewSegment): void {
    this.#latest = Math.max(this.#latest, time);
    this.#insert.run(first, last, time, this.#latest, subject, lines);
    for (const type of types) this.#insertType.run(type, first);
  }
}
