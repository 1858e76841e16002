import { defineFamily, sample, type Family, type FamilyType, type Sample } from '../../../metrics/family.ts';
import {
  CollectorError,
  type Collector,
  type CollectorInstance,
  type CollectorOptions,
} from '../../collector.ts';
import { DiskIdentity, identityFamilies } from './disk-identity.ts';
import { TimeSlice } from '../../time-slice.ts';
import { fields, readProcFile, unsigned } from '../../procfile.ts';

interface Column {
  readonly family: Family;
  /** Converts from the kernel's unit. */
  readonly convert: (value: number) => number;
}

function column(name: string, help: string, type: FamilyType = 'counter'): Column {
  return { family: defineFamily(type, `node_disk_${name}`, help, ['device']), convert: (value) => value };
}

function sectors(name: string, help: string): Column {
  return { ...column(name, help), convert: (value) => value * 512 };
}

function milliseconds(name: string, help: string): Column {
  return { ...column(name, help), convert: (value) => value / 1_000 };
}

/** The columns after the name in /proc/diskstats. @see https://docs.kernel.org/admin-guide/iostats.html */
const COLUMNS: readonly Column[] = [
  column('reads_completed_total', 'The total number of reads completed successfully.'),
  column('reads_merged_total', 'The total number of reads merged.'),
  sectors('read_bytes_total', 'Bytes read.'),
  milliseconds('read_time_seconds_total', 'The total number of seconds spent by all reads.'),
  column('writes_completed_total', 'The total number of writes completed successfully.'),
  column('writes_merged_total', 'The number of writes merged.'),
  sectors('written_bytes_total', 'Bytes written.'),
  milliseconds('write_time_seconds_total', 'This is the total number of seconds spent by all writes.'),
  column('io_now', 'The number of I/Os currently in progress.', 'gauge'),
  milliseconds('io_time_seconds_total', 'Total seconds spent doing I/Os.'),
  milliseconds('io_time_weighted_seconds_total', 'The weighted # of seconds spent doing I/Os.'),
  column('discards_completed_total', 'The total number of discards completed successfully.'),
  column('discards_merged_total', 'The total number of discards merged.'),
  column('discarded_sectors_total', 'The total number of sectors (512 bytes) discarded successfully.'),
  milliseconds('discard_time_seconds_total', 'This is the total number of seconds spent by all discards.'),
  column('flush_requests_total', 'The total number of flush requests completed successfully.'),
  milliseconds(
    'flush_requests_time_seconds_total',
    'This is the total number of seconds spent by all flush requests.',
  ),
];
/** Older kernels have fewer columns; a line with less than these is invalid. */
const OLDEST_COLUMNS = 11;

/** Partitions, and devices that are not disks. */
const EXCLUDED = /^(?:z?ram|loop|fd|(?:h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$/;

/** The I/O of disks, from /proc/diskstats, and their identity. */
export const diskstats: Collector = {
  name: 'diskstats',
  families: [...COLUMNS.map(({ family }) => family), ...identityFamilies],
  create: (options) => new DiskstatsCollector(options),
};

class DiskstatsCollector implements CollectorInstance {
  readonly #options: CollectorOptions;
  readonly #identity: DiskIdentity;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#identity = new DiskIdentity(options);
  }

  async collect(signal: AbortSignal): Promise<Sample[]> {
    const { procfs, clock } = this.#options;
    const text = readProcFile(procfs, 'diskstats');
    const lines = text.split('\n').map(fields).filter(isDisk);
    if (lines.length === 0 && text.trim() !== '')
      throw new CollectorError(`${procfs}/diskstats has no line for a disk: expected "8 0 sda 1 2 3 …"`);
    const disks = new Map(lines.map((line) => [line[2] ?? '', line]));
    for (const name of disks.keys()) if (EXCLUDED.test(name)) disks.delete(name);
    await this.#identity.refresh([...disks.keys()], signal);
    const pace = new TimeSlice(clock);
    const samples: Sample[] = [];
    for (const [device, [major = '', minor = '', , ...values]] of disks) {
      samples.push(...counters(device, values), ...this.#identity.describe({ device, major, minor }));
      await pace.yieldIfSpent();
    }
    return samples;
  }
}

function isDisk(line: readonly string[]): boolean {
  return (
    unsigned(line[0]) !== undefined && unsigned(line[1]) !== undefined && line.length >= 3 + OLDEST_COLUMNS
  );
}

function counters(device: string, values: readonly string[]): Sample[] {
  const labels = { device };
  return COLUMNS.flatMap(({ family, convert }, i) => {
    const value = unsigned(values[i]);
    return value === undefined ? [] : [sample(family, convert(value), labels)];
  });
}
