import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { sqliteCode } from './sqlite-errors.ts';

/** Another process holds the ledger's lock. */
export class LedgerLockedError extends Error {
  override readonly name = 'LedgerLockedError';
}

/** Held until `release`; the operating system releases it if the process dies. */
export interface FileLock {
  release(): void;
}

/** Exit code of `flock -n` when another process holds the lock. */
const FLOCK_CONFLICT = 1;

/** Resolves symbolic links, including those to a file that does not exist yet. */
export function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const target = lstatSync(path, { throwIfNoEntry: false });
  if (target?.isSymbolicLink() === true) return realPath(resolve(dirname(path), readlinkSync(path)));
  return join(realpathSync(dirname(path)), basename(path));
}

/**
 * Keeps other processes from writing to the ledger, by two locks. One is a separate file beside the ledger, which works
 * on every system. The other is on the ledger's inode, so that it also holds through hard links and after the lock file
 * was removed. Neither blocks readers.
 * @param path without symbolic links
 * @throws LedgerLockedError if another process holds one of them
 */
export function lockLedger(path: string): FileLock {
  const beside = lockBeside(path);
  try {
    const inode = lockInode(path);
    return {
      release: () => {
        inode.release();
        beside.release();
      },
    };
  } catch (error) {
    beside.release();
    throw error;
  }
}

function lockBeside(path: string): FileLock {
  const lock = new Database(`${path}.lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return { release: () => lock.close() };
  } catch (error) {
    lock.close();
    throw sqliteCode(error) === 'SQLITE_BUSY' ? new LedgerLockedError(path, { cause: error }) : error;
  }
}

/**
 * Node has no flock(2). The flock program locks the open file that it inherits, and the lock stays after it exits,
 * because it belongs to the open file, which is ours. If the program is missing or the file system has no such lock,
 * the lock file beside the ledger has to do.
 *
 * The file is opened before SQLite opens it and closed after SQLite closed it: closing any descriptor drops all of
 * SQLite's own locks (fcntl) on the file.
 */
function lockInode(path: string): FileLock {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  const { status } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  if (status === FLOCK_CONFLICT) {
    closeSync(file);
    throw new LedgerLockedError(path);
  }
  return { release: () => closeSync(file) };
}
