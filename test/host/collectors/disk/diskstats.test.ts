import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CollectorError } from '../../../../src/host/collector.ts';
import { diskstats } from '../../../../src/host/collectors/disk/diskstats.ts';
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
import { ManualClock } from '../../../support/manual-clock.ts';

const OLD = '1 2 3 4 5 6 7 8 9 10 11';

describe('diskstats', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(diskstats, kernel);
  });

  it('leaves out columns that are missing or not numbers, and lines that are not of a disk', async () => {
    tree.write('diskstats', `8 0 sda 1 x 3 4 5 6 7 8 -9 10 11\n8 16 sdb 1 2 3\nx 0 sdc ${OLD}\n`);
    const reported = await seriesWith(diskstats, { procfs: tree.path });
    expect(reported).toMatchObject({
      'node_disk_reads_completed_total{device="sda"}': 1,
      'node_disk_read_bytes_total{device="sda"}': 1_536,
      'node_disk_io_time_seconds_total{device="sda"}': 0.01,
    });
    expect(Object.keys(reported)).toHaveLength(10);
  });

  it('ignores new columns', async () => {
    tree.write('diskstats', `8 0 sda ${OLD} 12 13 14 15 16 17 18 19 20\n`);
    expect(Object.keys(await seriesWith(diskstats, { procfs: tree.path }))).toHaveLength(18);
  });

  it('accepts a machine without disks, and treats another file as an error', async () => {
    tree.write('diskstats', '');
    expect(await collect(diskstats, tree.path)).toEqual([]);
    tree.write('diskstats', 'Inter-|   Receive\n');
    await expect(collect(diskstats, tree.path)).rejects.toThrow(/no line for a disk: expected "8 0 sda/);
    tree.delete('diskstats');
    await expect(collect(diskstats, tree.path)).rejects.toThrow(/cannot read .*diskstats: ENOENT/);
  });

  it('reports whether a disk is rotational, looked up when it is new and once a minute', async () => {
    const clock = new ManualClock();
    const rotational = (value: string) => tree.writeAll('block/sda/queue', { rotational: value });
    tree.write('diskstats', `8 0 sda ${OLD}\n`);
    rotational('1');
    const instance = diskstats.create(hostOptions({ procfs: tree.path, sysfs: tree.path, clock }));
    const reported = async () =>
      /rotational="(\d)"/.exec([...readBack(await instance.collect(never)).series.keys()].join())?.[1];
    expect(await reported()).toBe('1');
    rotational('0');
    await clock.advance(59_999);
    expect(await reported()).toBe('1');
    await clock.advance(1);
    expect(await reported()).toBe('0');
  });

  it('leaves out what cannot be looked up', async () => {
    tree.write('diskstats', `8 0 sda ${OLD}\n`);
    const readSlow = () => Promise.reject(new CollectorError('the child is gone'));
    const reported = await seriesWith(diskstats, { procfs: tree.path, readSlow });
    expect(Object.keys(reported).join()).toContain('rotational="0"');
  });

  it('uses the serial on the label of the disk, and leaves out what udev does not know', async () => {
    tree.write('diskstats', `8 0 sda ${OLD}\n`);
    tree.write(
      'run/udev/data/b8:0',
      'E:SCSI_IDENT_SERIAL=A=1\nE:ID_SERIAL_SHORT=B\nE:ID_ATA=1\nE:ID_ATA_WRITE_CACHE=yes\nE:novalue\nS:disk\n',
    );
    const reported = Object.keys(
      await seriesWith(diskstats, { procfs: tree.path, rootfs: tree.path }),
    ).join();
    expect(reported).toContain('serial="A=1"');
    expect(reported).not.toMatch(/node_disk_(ata|filesystem|device_mapper)/);
  });
});
