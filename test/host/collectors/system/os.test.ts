import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AbsentError } from '../../../../src/host/collector.ts';
import type { ReadSlow } from '../../../../src/host/slow-read.ts';
import { os } from '../../../../src/host/collectors/system/os.ts';
import { parseOsRelease } from '../../../../src/host/collectors/system/os-release.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import {
  expectAsNodeExporter,
  hostOptions,
  KERNELS,
  never,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

describe('os', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(os, kernel);
  });

  it('has no version and no end of support where they are invalid', async () => {
    tree.write('etc/os-release', 'ID=x\nVERSION_ID=rolling\nSUPPORT_END=some day\n');
    expect(Object.keys(await seriesWith(os, { rootfs: tree.path }))).toEqual([
      expect.stringMatching(/^node_os_info\{.*id="x".*version_id="rolling"\}$/),
    ]);
  });

  it('is not an error where the file is missing', async () => {
    await expect(seriesWith(os, { rootfs: tree.path })).rejects.toBeInstanceOf(AbsentError);
  });

  it('uses the file of the host that is mounted into a container, where the root file system has none', async () => {
    const read = (path: string) =>
      path === '/run/host/os-release' ? { text: 'ID=host' } : { error: 'ENOENT' };
    const readSlow: ReadSlow = (paths) => Promise.resolve(new Map(paths.map((path) => [path, read(path)])));
    const id = async () => Object.keys(await seriesWith(os, { rootfs: '/host/root', readSlow }));
    expect(await id()).toEqual([expect.stringContaining('id="host"')]);
  });

  it('reads it again once a minute', async () => {
    const clock = new ManualClock();
    const instance = os.create(hostOptions({ rootfs: tree.path, clock }));
    const version = async () =>
      readBack(await instance.collect(never)).series.get('node_os_version{id="",id_like="",name=""}');
    tree.write('etc/os-release', 'VERSION_ID=12\n');
    expect(await version()).toBe(12);
    tree.write('etc/os-release', 'VERSION_ID=13.1\n');
    await clock.advance(59_999);
    expect(await version()).toBe(12);
    await clock.advance(1);
    expect(await version()).toBe(13.1);
  });
});

describe('parseOsRelease', () => {
  it.each([
    ['A=plain', 'plain'],
    ['A="two words"', 'two words'],
    ['A=\'it is "so"\'', 'it is "so"'],
    ['A="a \\"b\\" \\\\ \\$c"', 'a "b" \\ $c'],
    ['  A=x  ', 'x'],
    ['A=', ''],
    ['A="open', '"open'],
  ])('parses %s as %s', (line, expected) => {
    expect(parseOsRelease(`# A=0\n\n${line}\nnothing\n`).get('A')).toBe(expected);
  });

  it('reads any text that was quoted as the man page says', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.includes('\n')),
        (text) => {
          const quoted = text.replace(/["\\$`]/g, '\\$&');
          expect(parseOsRelease(`A="${quoted}"`).get('A')).toBe(text);
        },
      ),
    );
  });
});
