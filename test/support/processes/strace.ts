import { readFileSync } from 'node:fs';
import { peer } from './peer-programs.ts';
import { startProcess } from './process.ts';

/** Attached to every thread of a running process, until `stop`. */
export interface Trace {
  stop(): Promise<void>;
}

/** Attaches strace to a process; the trace is written to `file`, descriptors with their paths. */
export async function trace(pid: number, expressions: readonly string[], file: string): Promise<Trace> {
  const args = ['-f', '-y', '-s', '24', '-o', file, ...expressions.flatMap((each) => ['-e', each])];
  const strace = await startProcess(peer('strace'), [...args, '-p', String(pid)], { ready: /attached/ });
  return {
    // on SIGTERM it detaches from the process
    stop: async () => {
      await strace.stop('SIGINT');
    },
  };
}

/** In a trace of one request at a time, a sync of the write-ahead log must complete before each 200 is written. */
export function syncsBeforeAnswers(file: string): { readonly answers: number; readonly unsynced: number } {
  let [answers, unsynced, synced] = [0, 0, false];
  const begun = new Set<string>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const thread = /^\d+/.exec(line)?.[0] ?? '';
    const call = /^\d+ +f(?:data)?sync\(\d+<[^>]*-wal>(.*)$/.exec(line);
    if (call?.[1]?.includes('unfinished') === true) begun.add(thread);
    const resumed = /^\d+ +<\.\.\. f(?:data)?sync resumed>\) += 0/.test(line) && begun.delete(thread);
    if (resumed || /= 0/.test(call?.[1] ?? '')) synced = true;
    if (!/^\d+ +writev?\(.*"HTTP\/1\.1 200 /.test(line)) continue;
    answers++;
    if (!synced) unsynced++;
    synced = false;
  }
  return { answers, unsynced };
}
