import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { netstat } from '../../../../src/host/collectors/network/netstat.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import {
  collect,
  expectAsNodeExporter,
  hostOptions,
  KERNELS,
  never,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('netstat', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(netstat, kernel);
  });

  it('reads columns in any order, and leaves out what is missing or not a number', async () => {
    tree.write('1/net/netstat', 'TcpExt: New ListenDrops SyncookiesSent\nTcpExt: 1 2\nIpExt: InOctets\n');
    tree.write('1/net/snmp', 'Tcp: CurrEstab InErrs\nTcp: x 18446744073709551615 3\nUdp: 1 2\nnonsense\n\n');
    tree.write('1/net/snmp6', 'Ip6InOctets\t\t5\nIcmp6InMsgs\nnothing 4\n6 6\nUdp6InErrors -1\n');
    expect(await seriesWith(netstat, { procfs: tree.path })).toEqual({
      node_netstat_TcpExt_ListenDrops: 2,
      node_netstat_Tcp_InErrs: 2 ** 64,
      node_netstat_Ip6_InOctets: 5,
      node_netstat_Udp6_InErrors: -1,
    });
  });

  it('notices when the kernel renames its columns', async () => {
    const instance = netstat.create(hostOptions({ procfs: tree.path }));
    const value = async () => Object.fromEntries(readBack(await instance.collect(never)).series);
    tree.write('1/net/snmp', '');
    tree.write('1/net/netstat', 'TcpExt: ListenDrops TCPTimeouts\nTcpExt: 1 2\n');
    expect(await value()).toEqual({ node_netstat_TcpExt_ListenDrops: 1, node_netstat_TcpExt_TCPTimeouts: 2 });
    tree.write('1/net/netstat', 'TcpExt: TCPTimeouts ListenDrops\nTcpExt: 1 2\n');
    expect(await value()).toEqual({ node_netstat_TcpExt_ListenDrops: 2, node_netstat_TcpExt_TCPTimeouts: 1 });
  });

  it('reports a missing counter or file', async () => {
    await expect(collect(netstat, tree.path)).rejects.toThrow(/cannot read .*1\/net\/netstat: ENOENT/);
    tree.write('1/net/netstat', 'garbage');
    tree.write('1/net/snmp', '');
    await expect(collect(netstat, tree.path)).rejects.toThrow(/have no known field: expected/);
  });
});
