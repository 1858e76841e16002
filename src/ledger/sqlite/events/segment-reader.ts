import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { Sqlite } from '../database/open-database.ts';
import { SegmentLines, type Segment } from './segment.ts';

/** Number of cached segments: a group that repeats itself asks for the same few. */
const CACHED_SEGMENTS = 16;
const COLUMNS = 'first, last, time, subject, lines';

/** Reads segments of events. */
export class SegmentReader {
  readonly #at: Statement<[number], Segment>;
  readonly #oldest: Statement<[number, number], Segment>;
  readonly #cache = new Map<number, SegmentLines>();
  #last: SegmentLines | undefined;

  constructor(database: Sqlite) {
    this.#at = database.prepare(
      `SELECT ${COLUMNS} FROM segments WHERE first <= ? ORDER BY first DESC LIMIT 1`,
    );
    this.#oldest = database.prepare(
      // a segment with a damaged time is removed together with those after it
      `SELECT ${COLUMNS} FROM segments WHERE first <= (SELECT max(first) FROM (
         SELECT first, latest FROM segments WHERE typeof(latest) = 'integer' ORDER BY first LIMIT ?
       ) WHERE latest < ?) ORDER BY first`,
    );
  }

  /** The segment that contains an offset. */
  segmentAt(offset: number): SegmentLines | undefined {
    // usually the same as before
    if (this.#last !== undefined && contains(this.#last.segment, offset)) return this.#last;
    this.#last = this.#cachedAt(offset) ?? this.#read(offset);
    return this.#last;
  }

  /** The oldest segments, a few for every hundred events of `count`, as far as they are before `cutoff`. */
  oldest(cutoff: EpochMs, count: number): readonly SegmentLines[] {
    return this.#oldest.all(Math.ceil(count / 16), cutoff).map((row) => new SegmentLines(row));
  }

  /** After a rollback: cached segments may no longer exist. */
  clearCache(): void {
    this.#cache.clear();
    this.#last = undefined;
  }

  #cachedAt(offset: number): SegmentLines | undefined {
    for (const lines of this.#cache.values()) if (contains(lines.segment, offset)) return lines;
    return undefined;
  }

  #read(offset: number): SegmentLines | undefined {
    const row = this.#at.get(offset);
    if (row === undefined) return undefined;
    const lines = new SegmentLines(row);
    if (!contains(lines.segment, offset)) return undefined;
    this.#cache.set(row.first, lines);
    const [eldest] = this.#cache.keys();
    if (this.#cache.size > CACHED_SEGMENTS && eldest !== undefined) this.#cache.delete(eldest);
    return lines;
  }
}

function contains({ first, last }: Segment, offset: number): boolean {
  return first <= offset && offset <= last;
}
