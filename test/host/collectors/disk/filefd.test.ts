import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { filefd } from '../../../../src/host/collectors/disk/filefd.ts';
import {
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('filefd', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(filefd, kernel);
  });

  it.each(['', '1024', 'x 0 65536', '1024 0 many'])('reports the problem of "%s"', async (text) => {
    tree.write('sys/fs/file-nr', text);
    await expect(collect(filefd, tree.path)).rejects.toThrow(/file-nr is not three numbers: expected/);
  });

  it('accepts the largest number of the kernel, and new columns', async () => {
    tree.write('sys/fs/file-nr', '7 0 18446744073709551615 9\n');
    expect(await seriesWith(filefd, { procfs: tree.path })).toEqual({
      node_filefd_allocated: 7,
      node_filefd_maximum: 2 ** 64,
    });
  });
});
