import { defineFamily, sample, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector } from '../../collector.ts';
import { fields, readProcFile, unsigned } from '../../procfile.ts';

const allocated = defineFamily('gauge', 'node_filefd_allocated', 'File descriptor statistics: allocated.');
const maximum = defineFamily('gauge', 'node_filefd_maximum', 'File descriptor statistics: maximum.');

/** The file handles of the whole machine, from /proc/sys/fs/file-nr. */
export const filefd: Collector = {
  name: 'filefd',
  families: [allocated, maximum],
  create: ({ procfs }) => ({ collect: () => read(procfs) }),
};

/** @see https://docs.kernel.org/admin-guide/sysctl/fs.html#file-max-file-nr */
function read(procfs: string): Sample[] {
  const [used, , most] = fields(readProcFile(procfs, 'sys', 'fs', 'file-nr')).map(unsigned);
  if (used === undefined || most === undefined)
    throw new CollectorError(`${procfs}/sys/fs/file-nr is not three numbers: expected "1024 0 65536"`);
  return [sample(allocated, used), sample(maximum, most)];
}
