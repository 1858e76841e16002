import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { vmstat } from '../../../../src/host/collectors/memory/vmstat.ts';
import {
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('vmstat', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(vmstat, kernel);
  });

  it('leaves out invalid lines, and fails when there are no others', async () => {
    tree.write(
      'vmstat',
      'pgfault 5 6\npgpgin -1\npgpgout\npswpin 18446744073709551615\nunknown 4\noom_kill 1',
    );
    expect(await seriesWith(vmstat, { procfs: tree.path })).toEqual({
      node_vmstat_pswpin: 2 ** 64,
      node_vmstat_oom_kill: 1,
    });
    tree.write('vmstat', 'nr_free_pages 4\n');
    await expect(collect(vmstat, tree.path)).rejects.toThrow(/no known field: expected "pgfault 123"/);
  });
});
