import { defineFamily, sample, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector } from '../../collector.ts';
import { readProcFile, unsigned } from '../../procfile.ts';

const available = defineFamily(
  'gauge',
  'node_entropy_available_bits',
  'Bits of available entropy; always 256 since Linux 5.18.',
);
const poolSize = defineFamily('gauge', 'node_entropy_pool_size_bits', 'Bits of entropy pool.');

/** The entropy pool, from /proc/sys/kernel/random. */
export const entropy: Collector = {
  name: 'entropy',
  families: [available, poolSize],
  create: ({ procfs }) => ({ collect: () => read(procfs) }),
};

function read(procfs: string): Sample[] {
  const folder = `${procfs}/sys/kernel/random`;
  const bits = unsigned(readProcFile(folder, 'entropy_avail').trim());
  const size = unsigned(readProcFile(folder, 'poolsize').trim());
  const samples = [
    ...(bits === undefined ? [] : [sample(available, bits)]),
    ...(size === undefined ? [] : [sample(poolSize, size)]),
  ];
  if (samples.length === 0)
    throw new CollectorError(`entropy_avail and poolsize under ${folder} contain no numbers: expected "256"`);
  return samples;
}
