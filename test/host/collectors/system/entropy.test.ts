import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { entropy } from '../../../../src/host/collectors/system/entropy.ts';
import {
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('entropy', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(entropy, kernel);
  });

  it('leaves out what is not a number, and fails when there are no numbers', async () => {
    tree.writeAll('sys/kernel/random', { entropy_avail: '-', poolsize: '4096' });
    expect(await seriesWith(entropy, { procfs: tree.path })).toEqual({ node_entropy_pool_size_bits: 4096 });
    tree.writeAll('sys/kernel/random', { poolsize: '' });
    await expect(collect(entropy, tree.path)).rejects.toThrow(/contain no numbers: expected "256"/);
    tree.delete('sys/kernel/random/poolsize');
    await expect(collect(entropy, tree.path)).rejects.toThrow(/cannot read .*poolsize: ENOENT/);
  });
});
