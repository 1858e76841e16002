import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Sqlite } from './open-database.ts';

/** The write-ahead log is written back into the ledger's file when it has so many pages. */
const MAX_PAGES = 8_000;
const MIN_PAGES = 64;
const PAGE_BYTES = 4_096;
const MAX_LOG_BYTES = 64 * 2 ** 20;
/** Of the free bytes the log may take one part; what it holds may need as much again in the ledger's file. */
const PARTS = 4;

/**
 * Keeps the write-ahead log smaller than what is free on its disk. A log that has filled the disk could not be written
 * back, since the ledger's file could not grow, nor become shorter: nothing would be taken ever after.
 */
export class LogRoom {
  readonly #database: Sqlite;
  readonly #freeBytes: () => number;
  #pages = 0;

  /** @param freeBytes of the disk; default: asks the system */
  constructor(database: Sqlite, path: string, freeBytes = () => freeBytesAt(dirname(path))) {
    this.#database = database;
    this.#freeBytes = freeBytes;
    this.adjust();
  }

  /** Goes by what is free now. Costs some microseconds; never within a transaction. */
  adjust(): void {
    const pages = logPages(this.#freeBytes());
    if (pages === this.#pages) return;
    this.#pages = pages;
    this.#database.pragma(`wal_autocheckpoint = ${pages}`);
    // to what a log is cut that has been longer
    const bytes = pages === MAX_PAGES ? MAX_LOG_BYTES : pages * PAGE_BYTES;
    this.#database.pragma(`journal_size_limit = ${bytes}`);
  }
}

/** How many pages the log may have, by steps of two. */
export function logPages(freeBytes: number): number {
  const pages = freeBytes / PARTS / PAGE_BYTES;
  if (!(pages < MAX_PAGES)) return MAX_PAGES;
  return pages <= MIN_PAGES ? MIN_PAGES : 2 ** Math.floor(Math.log2(pages));
}

/** Endless where the system does not tell. */
function freeBytesAt(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
