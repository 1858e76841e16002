import { readFileSync, readdirSync } from 'node:fs';

/** The number of processes and threads, by the letter of their state. */
export interface ProcessCounts {
  readonly pids: number;
  readonly threads: number;
  readonly states: Readonly<Record<string, number>>;
  readonly threadStates: Readonly<Record<string, number>>;
}

/** Counts without blocking the event loop. Rejects with a CollectorError when they cannot be counted in time. */
export type CountProcesses = (procfs: string, signal: AbortSignal) => Promise<ProcessCounts>;

/**
 * Counts the processes under a /proc. Those that end meanwhile are left out. Takes some 10 µs for each process and for
 * each further thread, so it is divided into steps: between them `pause` lets other work run. Rejects with the system's
 * error when `procfs` cannot be listed.
 */
export async function countProcesses(procfs: string, pause: () => Promise<void>): Promise<ProcessCounts> {
  const counts = { pids: 0, threads: 0, states: {}, threadStates: {} };
  for (const pid of numbers(readdirSync(procfs))) {
    countOne(counts, `${procfs}/${pid}`, pid);
    await pause();
  }
  return counts;
}

interface Counting {
  pids: number;
  threads: number;
  readonly states: Record<string, number>;
  readonly threadStates: Record<string, number>;
}

function countOne(counts: Counting, folder: string, pid: string): void {
  const stat = readStat(`${folder}/stat`);
  if (stat === undefined) return;
  const tids = stat.threads > 1 ? threadsOf(folder) : [pid];
  counts.pids += 1;
  counts.threads += stat.threads;
  add(counts.states, stat.state);
  for (const tid of tids) {
    const state = tid === pid ? stat.state : readStat(`${folder}/task/${tid}/stat`)?.state;
    if (state !== undefined) add(counts.threadStates, state);
  }
}

function add(counts: Record<string, number>, state: string): void {
  counts[state] = (counts[state] ?? 0) + 1;
}

function threadsOf(folder: string): string[] {
  try {
    return numbers(readdirSync(`${folder}/task`));
  } catch {
    return [];
  }
}

function numbers(names: readonly string[]): string[] {
  return names.filter((name) => /^\d+$/.test(name));
}

/** The fields after the name of the program, which may contain anything: the state, and num_threads, the 20th field. */
const AFTER_NAME = /^ (\S)(?: \S+){16} (\d+) /;

/** @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function readStat(file: string): { readonly state: string; readonly threads: number } | undefined {
  try {
    const text = readFileSync(file, 'latin1');
    const [, state, threads] = AFTER_NAME.exec(text.slice(text.lastIndexOf(')') + 1)) ?? [];
    return state === undefined ? undefined : { state, threads: Number(threads) };
  } catch {
    return undefined;
  }
}
