import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pressure } from '../../../../src/host/collectors/cpu/pressure.ts';
import { AbsentError } from '../../../../src/host/collector.ts';
import {
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('pressure', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(pressure, kernel);
  });

  it('leaves out invalid lines', async () => {
    tree.write('pressure/cpu', 'some avg10=0.00 total=1500000\nfull avg10=0.00 total=7\n');
    tree.write('pressure/io', 'some total=\nfull avg10=1 total=-4\nother avg10=0 total=3');
    expect(await seriesWith(pressure, { procfs: tree.path })).toEqual({
      node_pressure_cpu_waiting_seconds_total: 1.5,
    });
  });

  it('is not an error where the kernel has none, but is where the file is invalid', async () => {
    await expect(collect(pressure, tree.path)).rejects.toBeInstanceOf(AbsentError);
    tree.write('pressure/memory', 'nothing');
    await expect(collect(pressure, tree.path)).rejects.not.toBeInstanceOf(AbsentError);
    await expect(collect(pressure, tree.path)).rejects.toThrow(/cannot be parsed: expected "some avg10/);
  });
});
