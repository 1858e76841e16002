import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AbsentError, CollectorError } from '../../../../src/host/collector.ts';
import { cpufreq } from '../../../../src/host/collectors/cpu/cpufreq.ts';
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

const CPU = 'devices/system/cpu';

describe('cpufreq', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(cpufreq, kernel);
  });

  it('leaves out files that cannot be read or are not numbers', async () => {
    tree.writeAll(CPU, {
      offline: '',
      'cpu0/cpufreq/scaling_cur_freq': '800000',
      'cpu0/cpufreq/scaling_max_freq': '<unknown>',
      'cpu0/cpufreq/scaling_min_freq/not_a_file': '1',
      'cpu0/cpufreq/scaling_governor': 'powersave',
      'cpu1/cpufreq/cpuinfo_max_freq': '18446744073709551615',
      'cpu2/topology/core_id': '0',
    });
    expect(await seriesWith(cpufreq, { sysfs: tree.path })).toEqual({
      'node_cpu_scaling_frequency_hertz{cpu="0"}': 800_000_000,
      'node_cpu_frequency_max_hertz{cpu="1"}': 2 ** 64 * 1_000,
    });
  });

  it('notices CPUs that are turned off and on', async () => {
    tree.writeAll(CPU, { 'cpu0/cpufreq/scaling_cur_freq': '1', 'cpu1/cpufreq/scaling_cur_freq': '1' });
    const clock = new ManualClock();
    const instance = cpufreq.create(hostOptions({ sysfs: tree.path, clock }));
    const count = async (offline: string): Promise<number> => {
      tree.writeAll(CPU, { offline });
      await clock.advance(1_000);
      return readBack(await instance.collect(never)).series.size;
    };
    expect([await count(''), await count('1'), await count(''), await count('0-1')]).toEqual([2, 1, 2, 0]);
  });

  it('fails where nothing can be read, and where there is no /sys', async () => {
    tree.writeAll(CPU, { 'cpu0/cpufreq/scaling_cur_freq': '1' });
    const readSlow = () => Promise.reject(new CollectorError('the child is gone'));
    await expect(seriesWith(cpufreq, { sysfs: tree.path, readSlow })).rejects.toThrow('the child is gone');
    await expect(seriesWith(cpufreq, { sysfs: '/nothing' })).rejects.toBeInstanceOf(AbsentError);
  });
});
