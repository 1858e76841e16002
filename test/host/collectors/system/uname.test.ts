import { expect, it } from '@jest/globals';
import { uname } from '../../../../src/host/collectors/system/uname.ts';
import { aSystem, ProcTree, seriesWith } from '../../../support/host/procfs.ts';

const INFO = 'machine="x86_64",nodename="tester",release="6.1.0",sysname="Linux",version="#1 SMP"';

it('uname has what the system reports, and the NIS domain where /proc has it', async () => {
  const tree = new ProcTree();
  try {
    tree.write('sys/kernel/domainname', 'example.org\n');
    expect(await seriesWith(uname, { procfs: tree.path })).toEqual({
      [`node_uname_info{domainname="example.org",${INFO}}`]: 1,
    });
  } finally {
    tree.remove();
  }
});

it('uname needs no /proc: macOS has none', async () => {
  expect(await seriesWith(uname, { system: aSystem({ platform: 'darwin', type: () => 'Darwin' }) })).toEqual({
    [`node_uname_info{domainname="(none)",${INFO.replace('Linux', 'Darwin')}}`]: 1,
  });
});
