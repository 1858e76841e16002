import { defineFamily, sample, type Family, type Labels, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector, type CollectorOptions } from '../../collector.ts';
import { CpuTopology, topologyFamilies } from './cpu-topology.ts';
import { fields, readProcFile, unsigned } from '../../procfile.ts';

const seconds = defineFamily('counter', 'node_cpu_seconds_total', 'Seconds the CPUs spent in each mode.', [
  'cpu',
  'mode',
]);
const guestSeconds = defineFamily(
  'counter',
  'node_cpu_guest_seconds_total',
  'Seconds the CPUs spent in guests (VMs) for each mode; included in modes user and nice.',
  ['cpu', 'mode'],
);

/** The columns of a `cpu` line of /proc/stat, in its order. @see https://man7.org/linux/man-pages/man5/proc_stat.5.html */
const COLUMNS: readonly { readonly family: Family; readonly mode: string }[] = [
  ...['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'].map((mode) => ({
    family: seconds,
    mode,
  })),
  ...['user', 'nice'].map((mode) => ({ family: guestSeconds, mode })),
];
const IDLE = 3;
const IOWAIT = 4;
const GUEST = 8;
/** USER_HZ: the unit that the kernel shows to programs, whatever its own tick is. */
const TICKS_PER_SECOND = 100;
/** An idle time that decreases by this much means a CPU that was unplugged and plugged in again. */
const RESET_SECONDS = 3;

/** The times of the CPUs from /proc/stat, and their state from /sys. */
export const cpu: Collector = {
  name: 'cpu',
  families: [seconds, guestSeconds, ...topologyFamilies],
  create: (options) => {
    if (options.system.platform === 'darwin') return { collect: () => ofDarwin(options) };
    const times = new CpuCollector(options.procfs);
    const topology = new CpuTopology(options);
    return { collect: async () => [...times.collect(), ...(await topology.collect())] };
  },
};

/** macOS has four modes, in milliseconds. */
function ofDarwin({ system }: CollectorOptions): Sample[] {
  return system.cpus().flatMap(({ times }, i) =>
    [
      { mode: 'user', time: times.user },
      { mode: 'nice', time: times.nice },
      { mode: 'system', time: times.sys },
      { mode: 'idle', time: times.idle },
    ].map(({ mode, time }) => sample(seconds, time / 1_000, { cpu: String(i), mode })),
  );
}

interface CpuState {
  readonly labels: readonly Labels[];
  /** The last exposed value of each column. */
  readonly reported: (number | undefined)[];
}

class CpuCollector {
  readonly #procfs: string;
  #cpus = new Map<string, CpuState>();

  constructor(procfs: string) {
    this.#procfs = procfs;
  }

  collect(): Sample[] {
    const cpus = new Map<string, CpuState>();
    const samples: Sample[] = [];
    for (const [name, times] of cpuLines(readProcFile(this.#procfs, 'stat'))) {
      if (name === '' || cpus.has(name)) continue;
      const state = this.#cpus.get(name) ?? newState(name);
      cpus.set(name, state);
      remember(state, times);
      COLUMNS.forEach(({ family }, i) => {
        const value = state.reported[i];
        if (times[i] !== undefined && value !== undefined)
          samples.push(sample(family, value, state.labels[i]));
      });
    }
    if (samples.length === 0)
      throw new CollectorError(`${this.#procfs}/stat has no line for a CPU: expected "cpu0 123 …"`);
    this.#cpus = cpus;
    return samples;
  }
}

function newState(name: string): CpuState {
  return { labels: COLUMNS.map(({ mode }) => ({ cpu: name, mode })), reported: [] };
}

/** The kernel's idle and iowait times can decrease a little; a counter must not, or `rate()` sees a reset. */
function remember(state: CpuState, times: readonly (number | undefined)[]): void {
  const { reported } = state;
  if ((reported[IDLE] ?? 0) - (times[IDLE] ?? Infinity) >= RESET_SECONDS) reported.fill(undefined);
  times.forEach((time, i) => {
    if (time !== undefined && time >= (reported[i] ?? 0)) reported[i] = time;
  });
}

/** Each `cpu` line's number (empty for the sum of all) and its columns in seconds. */
function* cpuLines(text: string): Generator<[string, (number | undefined)[]]> {
  for (const line of text.split('\n')) {
    if (!line.startsWith('cpu')) continue;
    const [label = '', ...columns] = fields(line);
    const name = label.slice(3);
    if (!/^\d*$/.test(name)) continue;
    yield [name, COLUMNS.map((_, i) => ticksToSeconds(columns[i]))];
  }
}

function ticksToSeconds(ticks: string | undefined): number | undefined {
  const value = unsigned(ticks);
  return value === undefined ? undefined : value / TICKS_PER_SECOND;
}

/** Seconds of all CPUs together since the machine started. */
export interface CpuTime {
  readonly total: number;
  readonly busy: number;
}

/**
 * Reads how busy all CPUs were since the machine started; the difference of two readings is the time between them.
 * @throws {CollectorError} when /proc/stat does not contain it
 */
export function readCpuTime(procfs: string): CpuTime {
  for (const [name, times] of cpuLines(readProcFile(procfs, 'stat'))) {
    if (name !== '') continue;
    const modes = times.slice(0, GUEST);
    const total = modes.reduce<number>((sum, time) => sum + (time ?? 0), 0);
    return { total, busy: total - (times[IDLE] ?? 0) - (times[IOWAIT] ?? 0) };
  }
  throw new CollectorError(`${procfs}/stat has no line for all CPUs: expected "cpu  123 …"`);
}
