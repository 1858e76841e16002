/**
 * A separate process for calls that cannot be cancelled or take long: statfs(2) on a hung mount, a driver that waits
 * for its firmware. In the main process they would occupy threads of the pool that the server needs. The parent sends
 * its requests over IPC and kills the child when it is no longer useful.
 */
import { closeSync, open, read, statfs } from 'node:fs';
import { systemClock } from '../../domain/clock.ts';
import { CHILD_THREADS, ChildWorker, type ChildRequest, type PackedUsage } from './worker.ts';
import { TimeSlice } from '../time-slice.ts';
import { countProcesses, type ProcessCounts } from '../collectors/cpu/process-count.ts';

/** A file of /sys has at most one page. */
const MAX_BYTES = 8_192;

/** @param path each byte as one character, because it need not be UTF-8 */
function callStatfs(path: string): Promise<PackedUsage | number> {
  return new Promise((resolve) => {
    statfs(Buffer.from(path, 'latin1'), (error, usage) => {
      if (error !== null) resolve(errno(error));
      else resolve([usage.bsize, usage.blocks, usage.bfree, usage.bavail, usage.files, usage.ffree]);
    });
  });
}

/** In as few steps as possible: each of them needs a thread, and a file of /sys is read whole at once. */
function callRead(path: string): Promise<{ text: string } | number> {
  return new Promise((resolve) => {
    open(path, 'r', (openError, fd) => {
      if (openError !== null) {
        resolve(errno(openError));
        return;
      }
      read(fd, Buffer.allocUnsafe(MAX_BYTES), 0, MAX_BYTES, 0, (error, length, buffer) => {
        closeSync(fd);
        resolve(error === null ? { text: buffer.toString('utf8', 0, length).trim() } : errno(error));
      });
    });
  });
}

async function callProcesses(procfs: string): Promise<ProcessCounts | number> {
  const pace = new TimeSlice(systemClock);
  try {
    return await countProcesses(procfs, () => pace.yieldIfSpent());
  } catch (error) {
    return errno(error as NodeJS.ErrnoException);
  }
}

function errno(error: NodeJS.ErrnoException): number {
  return Math.abs(error.errno ?? 0);
}

const worker = new ChildWorker({
  calls: { statfs: callStatfs, read: callRead, processes: callProcesses },
  threads: CHILD_THREADS,
  clock: systemClock,
});

process.on('message', (request: ChildRequest) => {
  void worker.answer(request).then((answer) => process.send?.(answer));
});
// A normal exit waits for the threads of the pool, and so for the hung calls.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C signals the whole process group; the parent decides when this process ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
