import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { conntrack } from '../../../../src/host/collectors/network/conntrack.ts';
import { AbsentError } from '../../../../src/host/collector.ts';
import {
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('conntrack', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(conntrack, kernel);
  });

  const HEADER =
    'entries  searched found new invalid ignore delete delete_list insert insert_failed drop early_drop';

  it('adds up the CPUs, and leaves out columns that are missing or not numbers', async () => {
    tree.writeAll('sys/net/netfilter', { nf_conntrack_count: '3', nf_conntrack_max: 'many' });
    tree.write('1/net/stat/nf_conntrack', `${HEADER}\n3 0 a 0 1\n3 0 F 0 zz\n\n`);
    expect(await seriesWith(conntrack, { procfs: tree.path })).toEqual({
      node_nf_conntrack_entries: 3,
      node_nf_conntrack_stat_found: 25,
      node_nf_conntrack_stat_invalid: 1,
    });
  });

  it('leaves out the counters where the kernel has none', async () => {
    tree.writeAll('sys/net/netfilter', { nf_conntrack_count: '3', nf_conntrack_max: '4' });
    expect(Object.keys(await seriesWith(conntrack, { procfs: tree.path }))).toHaveLength(2);
  });

  it('is not an error where connections are not tracked, but is where the file is invalid', async () => {
    await expect(collect(conntrack, tree.path)).rejects.toBeInstanceOf(AbsentError);
    tree.writeAll('sys/net/netfilter', { nf_conntrack_count: 'x', nf_conntrack_max: 'y' });
    await expect(collect(conntrack, tree.path)).rejects.toThrow(/contain no numbers/);
  });
});
