import {
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readJson } from './files.mjs';

const HEARTBEAT_MS = 1_000;
// A living holder touches its file every second; a process id alone could belong to another process by now.
const SILENT_MS = 15_000;
// npm outlives a killed set-up; it is waited for, but not forever.
const ORPHAN_MS = 600_000;

/**
 * Takes the lock, waiting while another living set-up holds it. A holder that was killed is detected and replaced.
 * @returns `{ working(pid), release() }`: `working` records the child that does the work.
 */
export async function acquireLock(file, say) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; ;) {
    if (tryTake(file, process.pid)) return hold(file);
    const holder = readHolder(file);
    if (holder === undefined) continue;
    if (!isAlive(holder)) {
      removeStale(file, holder);
      continue;
    }
    if (!told) say(`another setup is running (process ${holder.pid}); waiting for it`);
    told = true;
    await pause(100);
  }
}

/** Writes the whole file first and links it into place, so that no reader finds an empty one. */
function tryTake(file, pid) {
  const temporary = `${file}.${pid}`;
  writeFileSync(temporary, JSON.stringify({ pid }));
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

function hold(file) {
  const beat = setInterval(() => touch(file), HEARTBEAT_MS);
  beat.unref();
  return {
    working(child) {
      const temporary = `${file}.${process.pid}`;
      writeFileSync(temporary, JSON.stringify({ pid: process.pid, child }));
      renameSync(temporary, file);
    },
    release() {
      clearInterval(beat);
      if (readJson(file)?.pid === process.pid) rmSync(file, { force: true });
    },
  };
}

function touch(file) {
  const now = new Date();
  try {
    utimesSync(file, now, now);
  } catch {
    // The file was removed by hand; the work continues.
  }
}

function readHolder(file) {
  try {
    return { ...readJson(file), quietMs: Date.now() - statSync(file).mtimeMs };
  } catch {
    return undefined;
  }
}

function isAlive({ pid, child, quietMs }) {
  if (quietMs < SILENT_MS && runs(pid)) return true;
  return child !== undefined && quietMs < ORPHAN_MS && runs(child);
}

function runs(pid) {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** An ended process that has not been reaped (in a container, perhaps never) still accepts signals. */
function isZombie(pid) {
  try {
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Moves the stale file aside; when a new holder came in between, its file is put back. */
function removeStale(file, { pid }) {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
    if (readJson(aside)?.pid !== pid) linkSync(aside, file);
  } catch {
    // Another waiting set-up was quicker; the next round sees its result.
  } finally {
    rmSync(aside, { force: true });
  }
}
