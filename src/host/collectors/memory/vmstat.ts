import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector } from '../../collector.ts';
import { readProcFile, unsigned } from '../../procfile.ts';

const families: ReadonlyMap<string, Family> = new Map(
  Object.entries({
    oom_kill: 'Processes killed by the OOM killer.',
    pgfault: 'Page faults, including major ones.',
    pgmajfault: 'Page faults that required disk I/O.',
    pgpgin: 'Kibibytes read from disks.',
    pgpgout: 'Kibibytes written to disks.',
    pswpin: 'Pages swapped in.',
    pswpout: 'Pages swapped out.',
  }).map(([field, help]) => [field, defineFamily('untyped', `node_vmstat_${field}`, help)]),
);

/** The paging counters of /proc/vmstat, limited to the fields that node_exporter exposes by default. */
export const vmstat: Collector = {
  name: 'vmstat',
  families: [...families.values()],
  create: ({ procfs }) => ({ collect: () => read(procfs) }),
};

function read(procfs: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of readProcFile(procfs, 'vmstat').split('\n')) {
    const space = line.indexOf(' ');
    const family = families.get(line.slice(0, Math.max(space, 0)));
    const value = unsigned(line.slice(space + 1));
    if (family !== undefined && value !== undefined) samples.push(sample(family, value));
  }
  if (samples.length === 0)
    throw new CollectorError(`${procfs}/vmstat has no known field: expected "pgfault 123"`);
  return samples;
}
