import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stat } from '../../../../src/host/collectors/cpu/stat.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import {
  aSystem,
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('stat', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(stat, kernel);
  });

  it('leaves out invalid lines, whatever follows the first number', async () => {
    tree.write(
      'stat',
      `cpu0 1 2 3\nintr 5 ${'0 '.repeat(10_000)}\nctxt x\nbtime\nprocs_running 1 new\nsoftirq 1`,
    );
    expect(await seriesWith(stat, { procfs: tree.path })).toEqual({
      node_intr_total: 5,
      node_procs_running: 1,
    });
    tree.write('stat', 'cpu 1 2 3\n');
    await expect(collect(stat, tree.path)).rejects.toThrow(/has no known line: expected "ctxt 123"/);
  });

  it('has the boot time on macOS, the same each time', async () => {
    const clock = new ManualClock(1_700_000_000_400);
    const system = aSystem({ platform: 'darwin', uptime: () => 5_000.2 });
    expect(await seriesWith(stat, { system, clock })).toEqual({ node_boot_time_seconds: 1_699_995_000 });
  });
});
