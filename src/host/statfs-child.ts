/**
 * A process of its own for statfs(2), which cannot be cancelled: on a hung mount it holds a thread of the pool that
 * the server needs for other work. The parent talks to it over IPC and kills it when it is of no more use.
 */
import { statfs } from 'node:fs';
import { systemClock } from '../domain/clock.ts';
import { STATFS_THREADS, StatfsWorker, type PackedUsage, type StatfsRequest } from './statfs-worker.ts';

function call(path: string): Promise<PackedUsage | number> {
  return new Promise((resolve) => {
    statfs(path, (error, usage) => {
      if (error !== null) resolve(Math.abs(error.errno ?? 0));
      else resolve([usage.bsize, usage.blocks, usage.bfree, usage.bavail, usage.files, usage.ffree]);
    });
  });
}

const worker = new StatfsWorker({ statfs: call, threads: STATFS_THREADS, clock: systemClock });

process.on('message', (request: StatfsRequest) => {
  void worker.answer(request).then((answer) => process.send?.(answer));
});
// A normal exit waits for the threads of the pool, that is, for the hung mounts.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
// Ctrl-C reaches the whole process group; the parent decides when this process ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
