import { defineFamily, sample, type Family, type FamilyType, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector, type CollectorOptions } from '../../collector.ts';
import { fields, readProcFile, unsigned } from '../../procfile.ts';

function family(name: string, type: FamilyType, help: string): Family {
  return defineFamily(type, `node_${name}`, help);
}

const bootTime = family('boot_time_seconds', 'gauge', 'Node boot time, in unixtime.');

/** By the key of a line of /proc/stat. @see https://man7.org/linux/man-pages/man5/proc_stat.5.html */
const families: ReadonlyMap<string, Family> = new Map([
  ['intr', family('intr_total', 'counter', 'Total number of interrupts serviced.')],
  ['ctxt', family('context_switches_total', 'counter', 'Total number of context switches.')],
  ['processes', family('forks_total', 'counter', 'Total number of forks.')],
  ['btime', bootTime],
  ['procs_running', family('procs_running', 'gauge', 'Number of processes in runnable state.')],
  [
    'procs_blocked',
    family('procs_blocked', 'gauge', 'Number of processes blocked waiting for I/O to complete.'),
  ],
]);

/** The kernel's counters in /proc/stat that do not belong to a single CPU. */
export const stat: Collector = {
  name: 'stat',
  families: [...families.values()],
  create: (options) => ({
    collect: () => (options.system.platform === 'darwin' ? ofDarwin(options) : read(options.procfs)),
  }),
};

function read(procfs: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of readProcFile(procfs, 'stat').split('\n')) {
    const family = families.get(line.slice(0, Math.max(line.indexOf(' '), 0)));
    // The line of interrupts has a number for each of them: only the first, their sum, is used.
    const value = family === undefined ? undefined : unsigned(fields(line.slice(0, 64))[1]);
    if (family !== undefined && value !== undefined) samples.push(sample(family, value));
  }
  if (samples.length === 0) throw new CollectorError(`${procfs}/stat has no known line: expected "ctxt 123"`);
  return samples;
}

/** macOS reports its uptime; the start time calculated from it is the same in every reading. */
function ofDarwin({ system, clock }: CollectorOptions): Sample[] {
  return [sample(bootTime, Math.round(clock.now() / 1_000 - system.uptime()))];
}
