import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CollectorError } from '../../../../src/host/collector.ts';
import { netdev } from '../../../../src/host/collectors/network/netdev.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import { collect, expectAsNodeExporter, KERNELS, ProcTree } from '../../../support/host/procfs.ts';

const HEADER = [
  'Inter-|   Receive                                                |  Transmit',
  ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
  '',
].join('\n');

describe('netdev', () => {
  let proc: ProcTree;
  beforeEach(() => {
    proc = new ProcTree();
  });
  afterEach(() => proc.remove());

  it.each(KERNELS)('reads the /proc of Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(netdev, kernel);
  });

  it("reads process 1's devices in a /proc that is not its own, never those of its own container", async () => {
    proc.write('net/dev', `${HEADER}  eth0: 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n`);
    await expect(collect(netdev, proc.path)).rejects.toThrow(/cannot read .*1\/net\/dev: ENOENT/);
    proc.write('1/net/dev', `${HEADER}  ens3: 5 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n`);
    const { series } = readBack(await collect(netdev, proc.path));
    expect(series.get('node_network_receive_bytes_total{device="ens3"}')).toBe(5);
    expect([...series.keys()].some((name) => name.includes('eth0'))).toBe(false);
  });

  it('leaves out columns that are missing or not numbers, and continues', async () => {
    proc.write('1/net/dev', `${HEADER}  eth0: 7 x -1 4\n no colon here\n : 1 2 3\neth1:8 9\n eth0: 99\n`);
    expect(Object.fromEntries(readBack(await collect(netdev, proc.path)).series)).toEqual({
      'node_network_receive_bytes_total{device="eth0"}': 7,
      'node_network_receive_drop_total{device="eth0"}': 4,
      'node_network_receive_bytes_total{device="eth1"}': 8,
      'node_network_receive_packets_total{device="eth1"}': 9,
    });
  });

  it('accepts a machine without devices, and treats another file as an error', async () => {
    proc.write('1/net/dev', HEADER);
    expect(await collect(netdev, proc.path)).toEqual([]);
    proc.write('1/net/dev', '');
    await expect(collect(netdev, proc.path)).rejects.toThrow(/not a table of devices: expected/);
  });

  it('answers garbage with finite counters or a CollectorError', async () => {
    const unit = fc.constantFrom(...Array.from('0129 :\t\nae-.\\"'));
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.string({ unit, maxLength: 200 }), async (header, text) => {
        proc.write('1/net/dev', (header ? HEADER : '') + text);
        const outcome = await collect(netdev, proc.path).catch((error: unknown) => error);
        if (Array.isArray(outcome)) {
          expect(
            [...readBack(outcome).series.values()].every((value) => value >= 0 && Number.isFinite(value)),
          ).toBe(true);
        } else {
          expect(outcome).toBeInstanceOf(CollectorError);
        }
      }),
    );
  });
});
