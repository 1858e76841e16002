import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import type { Collector, CollectorOptions } from '../../collector.ts';
import { readAttribute, unsigned } from '../../procfile.ts';
import { cachedCollector } from '../../cached-collector.ts';

function gauge(name: string, help: string, labels: readonly string[] = []): Family {
  return defineFamily('gauge', `node_processes_${name}`, help, labels);
}

const pids = gauge('pids', 'Number of PIDs.');
const threads = gauge('threads', 'Allocated threads in system.');
const state = gauge('state', 'Number of processes in each state, as shown by ps(1).', ['state']);
const threadState = gauge('threads_state', 'Number of threads in each state, as shown by ps(1).', [
  'thread_state',
]);
const maxThreads = gauge('max_threads', 'Limit of threads in the system.');
const maxProcesses = gauge('max_processes', 'Number of max PIDs limit.');

/** The processes and threads of the whole machine, from /proc/<pid>. */
export const processes: Collector = {
  name: 'processes',
  families: [pids, threads, state, threadState, maxThreads, maxProcesses],
  create: (options) =>
    cachedCollector({
      clock: options.clock,
      collect: (signal) => collect(options, signal),
      cacheMs: (tookMs) => Math.max(MIN_CACHE_MS, CACHE_FACTOR * tookMs),
    }),
};

const MIN_CACHE_MS = 1_000;
/**
 * A count is reused for this many times its duration: counting uses 5 % of a CPU at most, however many processes there
 * are.
 */
const CACHE_FACTOR = 20;

async function collect({ procfs, countProcesses }: CollectorOptions, signal: AbortSignal): Promise<Sample[]> {
  const counts = await countProcesses(procfs, signal);
  const limit = (family: Family, file: string) => {
    const value = unsigned(readAttribute(procfs, 'sys', 'kernel', file));
    return value === undefined ? [] : [sample(family, value)];
  };
  return [
    sample(pids, counts.pids),
    sample(threads, counts.threads),
    ...Object.entries(counts.states).map(([letter, count]) => sample(state, count, { state: letter })),
    ...Object.entries(counts.threadStates).map(([letter, count]) =>
      sample(threadState, count, { thread_state: letter }),
    ),
    ...limit(maxThreads, 'threads-max'),
    ...limit(maxProcesses, 'pid_max'),
  ];
}
