import type { Logger } from '../domain/log.ts';
import { isStoreFailure } from './sqlite/database/sqlite-errors.ts';

/** Limits for the rows that are remembered and counted, and for those that are logged: a whole table may be damaged. */
const MAX_REMEMBERED = 10_000;
const LOGGED = 100;

/**
 * Stored rows that are unreadable: damaged columns, truncated JSON. They are left out and stay in the file unchanged;
 * each is logged and counted once.
 */
export class UnreadableRows {
  readonly #logger: Logger;
  readonly #known = new Set<string>();
  readonly #counts: Record<string, number> = {};
  readonly #changed: (() => void)[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Number of distinct rows, by table. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts;
  }

  /** The keys of a table's unreadable rows. */
  rows(table: string): readonly string[] {
    const start = `${table} `;
    return [...this.#known].filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  }

  /** @param changed called when the counts have grown */
  onChange(changed: () => void): void {
    this.#changed.push(changed);
  }

  /**
   * The result of `read`; undefined if the row is unreadable. A failure of the store (disk, locks) is not a damaged row
   * and is rethrown.
   * @param row the row's key; for `segments`, the offset of the event
   */
  readOrSkip<T>(table: string, row: number | string, read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (isStoreFailure(error)) throw error;
      this.#record(table, row, error);
      return undefined;
    }
  }

  /** The row if it is valid; undefined otherwise. @param check throws if it is not */
  readableRows<Row extends { readonly id: number | string }>(
    table: string,
    row: Row,
    check: (row: Row) => void,
  ): Row | undefined {
    return this.readOrSkip(table, row.id, () => {
      check(row);
      return row;
    });
  }

  /**
   * Up to `limit` readable rows: unreadable ones are made up for by those after them.
   * @param ask returns at most `count` rows after the given one (undefined: from the first)
   */
  readablePage<Row, T>(
    limit: number,
    ask: (count: number, after: Row | undefined) => readonly Row[],
    read: (row: Row) => T | undefined,
  ): readonly T[] {
    const found: T[] = [];
    for (let after: Row | undefined; ;) {
      const count = limit - found.length;
      const rows = count > 0 ? ask(count, after) : [];
      for (const row of rows) {
        const one = read(row);
        if (one !== undefined) found.push(one);
      }
      after = rows.at(-1);
      if (after === undefined || rows.length < count) return found;
    }
  }

  #record(table: string, row: number | string, error: unknown): void {
    const key = `${table} ${row}`;
    if (this.#known.has(key) || this.#known.size >= MAX_REMEMBERED) return;
    this.#known.add(key);
    this.#counts[table] = (this.#counts[table] ?? 0) + 1;
    for (const changed of this.#changed) changed();
    if (this.#known.size > LOGGED) return;
    this.#logger.error(
      { table, row, error: error instanceof Error ? error.message : String(error) },
      'a row of the ledger cannot be read: it is left out, the rest is served; see docs/webhook.md, "Damaged rows"',
    );
    if (this.#known.size === LOGGED)
      this.#logger.error(
        { rows: LOGGED },
        'many rows of the ledger cannot be read: further ones are counted in tocsin_ledger_unreadable_rows_total, but not logged',
      );
  }
}
