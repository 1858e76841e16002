import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CollectorError } from '../../../../src/host/collector.ts';
import { netclass } from '../../../../src/host/collectors/network/netclass.ts';
import type { ReadSlow } from '../../../../src/host/slow-read.ts';
import {
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  readHere,
  seriesWith,
} from '../../../support/host/procfs.ts';

const INFO =
  'node_network_info{address="",adminstate="unknown",broadcast="",device="eth0",duplex="",ifalias="",operstate=""}';

describe('netclass', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(netclass, kernel);
  });

  it('leaves out what is missing or not a number, and files that are not devices', async () => {
    tree.writeAll('class/net', {
      bonding_masters: 'bond0',
      'eth0/mtu': 'large',
      'eth0/flags': '0xg',
      'eth0/dev_id': '0xFF',
      'eth0/tx_queue_len': '18446744073709551615',
      'eth0/carrier': '',
    });
    expect(await seriesWith(netclass, { sysfs: tree.path })).toEqual({
      'node_network_up{device="eth0"}': 0,
      [INFO]: 1,
      'node_network_device_id{device="eth0"}': 255,
      'node_network_transmit_queue_length{device="eth0"}': 2 ** 64,
    });
  });

  it.each([
    ['-1', undefined],
    ['0', 0],
    ['2500', 312_500_000],
  ])('converts the speed %s to %s bytes per second', async (speed, expected) => {
    tree.writeAll('class/net', { 'eth0/speed': speed });
    const reported = await seriesWith(netclass, { sysfs: tree.path });
    expect(reported['node_network_speed_bytes{device="eth0"}']).toBe(expected);
  });

  it('asks the child for what a driver may be slow to report, and can do without it', async () => {
    tree.writeAll('class/net', { 'eth0/speed': '1000', 'eth0/carrier': '1', 'eth0/duplex': 'full' });
    const asked: string[] = [];
    const readSlow: ReadSlow = async (paths, signal) => {
      asked.push(...paths);
      const read = await readHere(paths, signal);
      return new Map([...read, [`${tree.path}/class/net/eth0/speed`, { error: 'timeout' }]]);
    };
    const reported = await seriesWith(netclass, { sysfs: tree.path, readSlow });
    expect(reported['node_network_carrier{device="eth0"}']).toBe(1);
    expect(reported['node_network_speed_bytes{device="eth0"}']).toBeUndefined();
    expect(asked.map((path) => path.slice(tree.path.length))).toEqual([
      '/class/net/eth0/carrier',
      '/class/net/eth0/duplex',
      '/class/net/eth0/speed',
    ]);
  });

  it('fails where there is no /sys, and where the child is gone', async () => {
    await expect(seriesWith(netclass, { sysfs: '/nothing' })).rejects.toThrow(
      /cannot list \/nothing\/class\/net: ENOENT/,
    );
    tree.writeAll('class/net', { 'eth0/speed': '1000' });
    const readSlow = () => Promise.reject(new CollectorError('the child is gone'));
    await expect(seriesWith(netclass, { sysfs: tree.path, readSlow })).rejects.toThrow('the child is gone');
  });
});
