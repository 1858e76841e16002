import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseMountinfo } from '../../../../src/host/collectors/disk/mounts.ts';
import { recorded } from '../../../support/host/procfs.ts';

describe('mountinfo', () => {
  const mounts = parseMountinfo(readFileSync(join(recorded('6.1'), '1/mountinfo'), 'latin1'));
  const at = (mountpoint: string) => mounts.find((mount) => mount.mountpoint === mountpoint);

  it('reads any number of optional fields', () => {
    expect(mounts).toHaveLength(9);
    expect(at('/')).toEqual({
      device: '/dev/nvme0n1p2',
      mountpoint: '/',
      path: '/',
      fstype: 'btrfs',
      major: '259',
      minor: '2',
      readonlyHere: false,
      readonlyEverywhere: false,
    });
    expect(at('/tmp')).toMatchObject({ device: 'tmpfs', major: '0', minor: '40' });
    expect(at('/srv/sshfs')).toMatchObject({ device: 'user@files.example:/', fstype: 'fuse.sshfs' });
  });

  it('decodes octal escapes in paths', () => {
    expect(at('/srv/tab\tand\\backslash')).toMatchObject({ device: '/dev/mapper/vg-data' });
  });

  it.each([
    ['rw,relatime', 'rw', false, false],
    ['ro,relatime', 'rw', true, false],
    ['rw,relatime', 'ro', false, true],
    ['rw,relatime', 'rw,emergency_ro', false, true],
    ['rw,errors=remount-ro', 'rw,errors=remount-ro', false, false],
  ])('reports where options %s and %s make it read-only', (options, superOptions, here, everywhere) => {
    const [mount] = parseMountinfo(`36 35 98:0 / /mnt ${options} - ext3 /dev/root ${superOptions}\n`);
    expect([mount?.readonlyHere, mount?.readonlyEverywhere]).toEqual([here, everywhere]);
  });

  it.each([
    '',
    '36 35 98:0 / /mnt rw',
    '36 35 98:0 / /mnt rw shared:1 ext3 /dev/root rw',
    '36 35 98 / /mnt rw - ext3 /dev/root rw',
    '36 35 98:0 / mnt rw - ext3 /dev/root rw',
    '36 35 98:0 / /mnt rw - ext3 /dev/root',
  ])('leaves out "%s" and keeps its neighbours', (line) => {
    const good = '1 0 8:1 / / rw - ext4 /dev/sda1 rw';
    expect(parseMountinfo([good, line, good].join('\n'))).toHaveLength(2);
  });

  it('parses every path that the kernel can write', () => {
    const path = fc
      .string({ unit: fc.constantFrom(...Array.from('ab \t\n\\0419é/-')) })
      .map((rest) => `/${rest}`);
    const escape = (text: string): string =>
      text.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
    fc.assert(
      fc.property(
        path,
        fc.array(fc.constantFrom('shared:1', 'master:2', 'unbindable')),
        (mountpoint, optional) => {
          const line = ['7 1 0:3 /', escape(mountpoint), 'rw', ...optional, '- tmpfs none rw'].join(' ');
          expect(parseMountinfo(Buffer.from(line).toString('latin1'))).toEqual([
            expect.objectContaining({ device: 'none', mountpoint, fstype: 'tmpfs', major: '0', minor: '3' }),
          ]);
        },
      ),
    );
  });

  it('reads any text without throwing', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('ab/:- 01\n\\')) }), (text) => {
        expect(Array.isArray(parseMountinfo(text))).toBe(true);
      }),
    );
  });
});
