import { existsSync, mkdirSync, statSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { LedgerStartError } from '../../ledger.ts';
import { sqliteCode } from './sqlite-errors.ts';
import { FileIdentity } from './file-identity.ts';
import { LedgerLockedError, lockLedger, realPath } from './file-lock.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';

export type Sqlite = Database.Database;

export interface OpenStore {
  readonly database: Sqlite;
  /** Path of the file, symbolic links resolved; the write-ahead log is beside it. */
  readonly path: string;
  readonly identity: FileIdentity;
  /** Identifies this ledger in the ids of its events. */
  readonly epoch: string;
  close(): void;
}

/** Up to this size the whole file is checked at the start; a larger one would delay it too much. */
const CHECKED_BYTES = 32 * 2 ** 20;
/** How long a commit waits for another process writing to the file, which should not happen. */
const BUSY_MS = 500;

/**
 * Opens the ledger's file, creates it and its directory if missing, migrates its schema, and locks out every other
 * process until `close`.
 * @throws LedgerStartError if it is not writable, in use, damaged, or written by a newer Tocsin
 */
export function openStore(path: string): OpenStore {
  const undo: (() => void)[] = [];
  const close = () => {
    for (const one of undo.toReversed()) one();
  };
  try {
    makeDirectory(dirname(path));
    const real = realPath(path);
    const lock = lockLedger(real);
    undo.push(() => lock.release());
    const database = new Database(real, { timeout: BUSY_MS });
    undo.push(() => database.close());
    configure(database, path);
    migrate(database, path);
    checkWhole(database, path);
    const identity = new FileIdentity(path, real);
    return { database, path: real, identity, epoch: readEpoch(database), close };
  } catch (error) {
    close();
    throw error instanceof LedgerStartError
      ? error
      : new LedgerStartError(explain(path, error), { cause: error });
  }
}

/** Node's own `recursive` never returns if the system denies that a parent exists (in /proc, for example). */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path);
}

function configure(database: Sqlite, path: string): void {
  const foreign = Number(database.pragma('application_id', { simple: true }));
  const empty = database.prepare('SELECT count(*) AS n FROM sqlite_schema').pluck().get() === 0;
  if (!empty && foreign !== APPLICATION_ID) {
    throw new LedgerStartError(
      `${path} is a database, but not a Tocsin ledger. Set store.path to another file.`,
    );
  }
  const mode = database.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') {
    throw new LedgerStartError(
      `The file system of ${path} does not support SQLite's write-ahead log (mode ${String(mode)}). ` +
        'Set store.path to a local disk.',
    );
  }
  database.pragma('synchronous = FULL');
  database.pragma('temp_store = MEMORY');
  database.pragma('cache_size = -32768');
}

function migrate(database: Sqlite, path: string): void {
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > MIGRATIONS.length) {
    throw new LedgerStartError(
      `The ledger ${path} was written by a newer Tocsin (schema ${version}; this one supports up to ` +
        `${MIGRATIONS.length}). Start that version again, or move the file away to begin a new ledger.`,
    );
  }
  database.transaction(() => {
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.pragma(`application_id = ${APPLICATION_ID}`);
    database.pragma(`user_version = ${MIGRATIONS.length}`);
    database
      .prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)")
      .run(randomBytes(6).toString('hex'));
    // write at every start: an unwritable file is found now and not with the first alert
    database.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES ('opened', ?)").run(Date.now());
  })();
}

function checkWhole(database: Sqlite, path: string): void {
  if (statSync(path).size > CHECKED_BYTES) return;
  const verdict = database.pragma('quick_check(1)', { simple: true });
  // SQLite gives the location on the lines before
  if (verdict !== 'ok') throw new LedgerStartError(damaged(path, String(verdict).split('\n').at(-1) ?? ''));
}

function readEpoch(database: Sqlite): string {
  return String(database.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get());
}

function explain(path: string, error: unknown): string {
  if (error instanceof LedgerLockedError)
    return `The ledger ${path} is in use by another process. Stop it, or give this one another store.path.`;
  const why = error instanceof Error ? error.message : String(error);
  const code = sqliteCode(error);
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return damaged(path, why);
  return `The ledger ${path} cannot be written: ${why}. Give Tocsin write access and free space there, or set store.path.`;
}

function damaged(path: string, why: string): string {
  return `The ledger ${path} is damaged (${why}). Restore a backup, or move the file away to begin a new ledger.`;
}
