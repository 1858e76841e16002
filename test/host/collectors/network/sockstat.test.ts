import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sockstat } from '../../../../src/host/collectors/network/sockstat.ts';
import {
  aSystem,
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('sockstat', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(sockstat, kernel);
  });

  it('reports memory in pages and bytes, and leaves out what is not a number or not known', async () => {
    tree.write(
      '1/net/sockstat',
      'sockets: used x\nTCP: inuse 1 orphan mem 5\nUDP: mem 3 new 9\nSCTP: inuse 1\nRAW inuse 4\n',
    );
    expect(await seriesWith(sockstat, { procfs: tree.path, system: aSystem({ pageSize: 16_384 }) })).toEqual({
      node_sockstat_TCP_inuse: 1,
      node_sockstat_UDP_mem: 3,
      node_sockstat_UDP_mem_bytes: 49_152,
    });
  });

  it('exposes values below 0, as the kernel may report them', async () => {
    tree.write('1/net/sockstat', 'sockets: used -1\nTCP: inuse -2 orphan 0 tw -3 alloc -4 mem -5\n');
    expect(await seriesWith(sockstat, { procfs: tree.path, system: aSystem({ pageSize: 4_096 }) })).toEqual({
      node_sockstat_sockets_used: -1,
      node_sockstat_TCP_inuse: -2,
      node_sockstat_TCP_orphan: 0,
      node_sockstat_TCP_tw: -3,
      node_sockstat_TCP_alloc: -4,
      node_sockstat_TCP_mem: -5,
      node_sockstat_TCP_mem_bytes: -20_480,
    });
  });

  it('reports a missing socket line or file', async () => {
    await expect(collect(sockstat, tree.path)).rejects.toThrow(/cannot read .*1\/net\/sockstat: ENOENT/);
    tree.write('1/net/sockstat', 'TCP: inuse\n');
    await expect(collect(sockstat, tree.path)).rejects.toThrow(/no known field: expected "TCP: inuse 35/);
  });
});
