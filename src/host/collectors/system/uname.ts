import { defineFamily, sample, type Sample } from '../../../metrics/family.ts';
import type { Collector, CollectorOptions } from '../../collector.ts';
import { readAttribute } from '../../procfile.ts';

const info = defineFamily(
  'gauge',
  'node_uname_info',
  'Labeled system information as provided by the uname system call.',
  ['sysname', 'release', 'version', 'machine', 'nodename', 'domainname'],
);

/** The NIS domain where none was set. */
const NO_DOMAIN = '(none)';

/** The name and version of the kernel and of the machine. */
export const uname: Collector = {
  name: 'uname',
  families: [info],
  create: (options) => ({ collect: () => read(options) }),
};

function read({ procfs, system }: CollectorOptions): Sample[] {
  return [
    sample(info, 1, {
      sysname: system.type(),
      release: system.release(),
      version: system.version(),
      machine: system.machine(),
      nodename: system.hostname(),
      domainname: readAttribute(procfs, 'sys', 'kernel', 'domainname') ?? NO_DOMAIN,
    }),
  ];
}
