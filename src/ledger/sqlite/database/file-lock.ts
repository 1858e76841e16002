import { spawnSync } from 'node:child_process';
import { closeSync, constants, existsSync, lstatSync, openSync, readlinkSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { sqliteCode } from './sqlite-errors.ts';

/** Another process has the ledger. */
export class LedgerLockedError extends Error {
  override readonly name = 'LedgerLockedError';
}

/** Held until `release`; the operating system takes it away from a process that dies. */
export interface FileLock {
  release(): void;
}

/** What `flock -n` exits with when somebody else has the lock. */
const FLOCK_CONFLICT = 1;

/** Where a path leads to: symbolic links resolved, also those to a file that is yet to be created. */
export function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const target = lstatSync(path, { throwIfNoEntry: false });
  if (target?.isSymbolicLink() === true) return realPath(resolve(dirname(path), readlinkSync(path)));
  return join(realpathSync(dirname(path)), basename(path));
}

/**
 * Keeps other processes from writing to the ledger, by two locks. One is a file of its own beside the ledger: every
 * system has it. The other belongs to the ledger's inode, so that it holds through hard links and when the lock file
 * was removed. Neither keeps readers away.
 * @param path without symbolic links
 * @throws LedgerLockedError when another process has one of them
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
 * Node has no flock(2). The program locks the open file that it inherits, and the lock stays when it ends: it belongs to the
 * open file, which is ours. Where the program or the file system has no such lock, the one beside must do.
 *
 * The file is opened before SQLite opens it and closed after SQLite closed it: the end of any descriptor takes all of
 * SQLite's own locks (fcntl) on the file away from the process.
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
