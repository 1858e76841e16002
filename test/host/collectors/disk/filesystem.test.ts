import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { filesystem } from '../../../../src/host/collectors/disk/filesystem.ts';
import {
  MOUNT_TIMEOUT,
  type Statfs,
  type StatfsResult,
} from '../../../../src/host/collectors/disk/statfs.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import {
  collect,
  collectorOn,
  hostOptions,
  never,
  ProcTree,
  recorded,
} from '../../../support/host/procfs.ts';

const USAGE = { bsize: 4096, blocks: 1000, bfree: 400, bavail: 300, files: 50, ffree: 20 };

/** Answers every path with the same usage, except those named. */
function fakeStatfs(asked: string[] = [], others: Readonly<Record<string, StatfsResult>> = {}): Statfs {
  return (paths) => {
    asked.push(...paths);
    return Promise.resolve(new Map(paths.map((path) => [path, others[path] ?? USAGE])));
  };
}

describe('filesystem', () => {
  let proc: ProcTree;
  beforeEach(() => {
    proc = new ProcTree();
  });
  afterEach(() => proc.remove());

  async function series(statfs: Statfs, procfs = proc.path): Promise<Record<string, number>> {
    return Object.fromEntries(readBack(await collect(filesystem, procfs, statfs)).series);
  }

  it('exposes the families of node_exporter for each mount', async () => {
    proc.write('1/mountinfo', '25 0 8:1 / / ro,relatime shared:1 - ext4 /dev/sda1 rw,data=ordered\n');
    const labels = '{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/"}';
    expect(await series(fakeStatfs())).toEqual({
      [`node_filesystem_size_bytes${labels}`]: 4_096_000,
      [`node_filesystem_free_bytes${labels}`]: 1_638_400,
      [`node_filesystem_avail_bytes${labels}`]: 1_228_800,
      [`node_filesystem_files${labels}`]: 50,
      [`node_filesystem_files_free${labels}`]: 20,
      [`node_filesystem_readonly${labels}`]: 1,
      [`node_filesystem_device_error${labels}`]: 0,
      'node_filesystem_mount_info{device="/dev/sda1",major="8",minor="1",mountpoint="/"}': 1,
    });
  });

  it.each([
    ['4.19', ['/run', '/', '/boot', '/mnt/old backups']],
    ['5.10', ['/', '/srv/data', '/var', '/var/spool']],
    ['6.1', ['/', '/boot/efi', '/tmp', '/srv/tab\tand\\backslash', '/srv/broken', '/srv/sshfs']],
  ] as const)('leaves out what is not a disk in the /proc of Linux %s', async (kernel, expected) => {
    const asked: string[] = [];
    await collect(filesystem, recorded(kernel), fakeStatfs(asked));
    expect(asked).toEqual(expected);
  });

  it('calls statfs with the bytes of a mount point that is not UTF-8, and exposes U+FFFD for each run of invalid bytes', async () => {
    proc.write(
      '1/mountinfo',
      Buffer.concat([
        Buffer.from('25 0 8:1 / /m\xfc\xfeb rw - ext4 /dev/sda1 rw\n', 'latin1'),
        Buffer.from('26 0 8:2 / /ü rw - ext4 /dev/sda2 rw\n'),
      ]),
    );
    const asked: string[] = [];
    const reported = await series(fakeStatfs(asked));
    expect(asked).toEqual(['/m\xfc\xfeb', '/\xc3\xbc']);
    expect(Object.keys(reported).filter((name) => name.includes('size_bytes'))).toEqual([
      'node_filesystem_size_bytes{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/m\uFFFDb"}',
      'node_filesystem_size_bytes{device="/dev/sda2",device_error="",fstype="ext4",mountpoint="/ü"}',
    ]);
  });

  it('reports why a file system does not answer, and only what is known', async () => {
    proc.write('1/mountinfo', '25 0 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 0:45 / /nfs rw - nfs nas:/x rw\n');
    const reported = await series(fakeStatfs([], { '/nfs': { error: MOUNT_TIMEOUT } }));
    const labels = '{device="nas:/x",device_error="mountpoint timeout",fstype="nfs",mountpoint="/nfs"}';
    expect(Object.entries(reported).filter(([name]) => name.includes('/nfs'))).toEqual([
      [`node_filesystem_device_error${labels}`, 1],
      [`node_filesystem_readonly${labels}`, 0],
    ]);
    expect(Object.keys(reported)).toHaveLength(10);
  });

  it('calls statfs below the root file system of the host, and labels paths without it', async () => {
    proc.write(
      '1/mountinfo',
      '25 0 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 8:2 / /host/var rw - ext4 /dev/sda2 rw\n27 25 8:3 / /hostile rw - ext4 /dev/sda3 rw\n',
    );
    const asked: string[] = [];
    const instance = filesystem.create(
      hostOptions({ procfs: proc.path, rootfs: '/host', statfs: fakeStatfs(asked) }),
    );
    const { series: reported } = readBack(await instance.collect(never));
    expect(asked).toEqual(['/host/', '/host/var', '/host/hostile']);
    expect(
      reported.get('node_filesystem_mount_info{device="/dev/sda2",major="8",minor="2",mountpoint="/var"}'),
    ).toBe(1);
    expect(
      reported.get(
        'node_filesystem_mount_info{device="/dev/sda3",major="8",minor="3",mountpoint="/hostile"}',
      ),
    ).toBe(1);
  });

  it.each([
    ['/host/var', 'rw', 0],
    ['/host/var', 'ro', 1],
    ['/var', 'rw', 1],
  ])(
    'of %s, mounted ro with %s of the file system, readonly is as the host sees it',
    async (path, superOptions, readonly) => {
      proc.write('1/mountinfo', `26 25 8:2 / ${path} ro - ext4 /dev/sda2 ${superOptions}\n`);
      const instance = filesystem.create(
        hostOptions({ procfs: proc.path, rootfs: '/host', statfs: fakeStatfs() }),
      );
      const { series: reported } = readBack(await instance.collect(never));
      const labels = '{device="/dev/sda2",device_error="",fstype="ext4",mountpoint="/var"}';
      expect(reported.get(`node_filesystem_readonly${labels}`)).toBe(readonly);
    },
  );

  it('has one series where the same device is mounted twice at one place: the upper mount', async () => {
    proc.write(
      '1/mountinfo',
      '25 0 8:1 / /a rw - ext4 /dev/sda1 rw\n26 25 8:1 / /a ro - ext4 /dev/sda1 rw\n',
    );
    const labels = '{device="/dev/sda1",device_error="",fstype="ext4",mountpoint="/a"}';
    expect((await series(fakeStatfs()))[`node_filesystem_readonly${labels}`]).toBe(1);
  });

  it('notices mounts that appear and disappear', async () => {
    const instance = collectorOn(filesystem, proc.path, fakeStatfs());
    const count = async () => (await instance.collect(never)).length;
    proc.write('1/mountinfo', '25 0 8:1 / / rw - ext4 /dev/sda1 rw\n');
    expect(await count()).toBe(8);
    expect(await count()).toBe(8);
    proc.write('1/mountinfo', '25 0 8:1 / / rw - ext4 /dev/sda1 rw\n26 25 8:2 / /b rw - ext4 /dev/sda2 rw\n');
    expect(await count()).toBe(16);
    proc.write('1/mountinfo', '25 0 8:1 / / rw - ext4 /dev/sda1 rw\n');
    expect(await count()).toBe(8);
  });

  it('reads its own mounts where those of process 1 are hidden, and reports when it has none', async () => {
    await expect(series(fakeStatfs())).rejects.toThrow(/cannot read .*self\/mountinfo: ENOENT/);
    proc.write('self/mountinfo', 'nonsense\n');
    await expect(series(fakeStatfs())).rejects.toThrow(/has no mount/);
    proc.write('self/mountinfo', '25 0 8:1 / / rw - ext4 /dev/sda1 rw\n');
    expect(Object.keys(await series(fakeStatfs()))).toHaveLength(8);
  });
});
