import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Sqlite } from './open-database.ts';

/** SQLite checkpoints the write-ahead log when it reaches this number of pages. */
const MAX_PAGES = 8_000;
const MIN_PAGES = 64;
const PAGE_BYTES = 4_096;
const MAX_WAL_BYTES = 64 * 2 ** 20;
/**
 * The log may take this fraction (1/PARTS) of the free space; checkpointing it may need as much again in the ledger's
 * file.
 */
const PARTS = 4;

/**
 * Keeps the write-ahead log smaller than the free space on its disk. A log that has filled the disk could not be
 * checkpointed, because the ledger's file could not grow, nor be truncated: no write would ever succeed again.
 */
export class WalLimit {
  readonly #database: Sqlite;
  readonly #freeBytes: () => number;
  #pages = 0;

  /** @param freeBytes free space of the disk; default: asks the system */
  constructor(database: Sqlite, path: string, freeBytes = () => freeBytesAt(dirname(path))) {
    this.#database = database;
    this.#freeBytes = freeBytes;
    this.adjust();
  }

  /** Adjusts the limit to the current free space. Takes a few microseconds; never within a transaction. */
  adjust(): void {
    const pages = walPages(this.#freeBytes());
    if (pages === this.#pages) return;
    this.#pages = pages;
    this.#database.pragma(`wal_autocheckpoint = ${pages}`);
    // the size that a longer log is truncated to
    const bytes = pages === MAX_PAGES ? MAX_WAL_BYTES : pages * PAGE_BYTES;
    this.#database.pragma(`journal_size_limit = ${bytes}`);
  }
}

/** The number of pages the log may have; below the maximum, rounded down to a power of two. */
export function walPages(freeBytes: number): number {
  const pages = freeBytes / PARTS / PAGE_BYTES;
  if (!(pages < MAX_PAGES)) return MAX_PAGES;
  return pages <= MIN_PAGES ? MIN_PAGES : 2 ** Math.floor(Math.log2(pages));
}

/** Infinite if the system does not report it. */
function freeBytesAt(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
