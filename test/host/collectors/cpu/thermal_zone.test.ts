import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AbsentError } from '../../../../src/host/collector.ts';
import type { ReadSlow } from '../../../../src/host/slow-read.ts';
import { thermalZone } from '../../../../src/host/collectors/cpu/thermal_zone.ts';
import {
  expectAsNodeExporter,
  hostOptions,
  KERNELS,
  never,
  ProcTree,
  readHere,
  seriesWith,
} from '../../../support/host/procfs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

describe('thermal_zone', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(thermalZone, kernel);
  });

  it('leaves out sensors that do not answer, and continues', async () => {
    tree.writeAll('class/thermal', {
      'thermal_zone0/type': 'wifi',
      'thermal_zone1/type': 'cpu',
      'thermal_zone1/temp': '-12500',
      'thermal_zone2/type': 'broken',
      'thermal_zone2/temp': 'hot',
      'thermal_zonex/type': 'none',
      'cooling_device3/type': 'Fan',
      'cooling_device3/cur_state': '1',
    });
    expect(await seriesWith(thermalZone, { sysfs: tree.path })).toEqual({
      'node_thermal_zone_temp{type="cpu",zone="1"}': -12.5,
    });
  });

  it('returns nothing for a machine without sensors, and fails where there is no /sys', async () => {
    tree.write('kernel/x', '');
    expect(await seriesWith(thermalZone, { sysfs: tree.path })).toEqual({});
    await expect(seriesWith(thermalZone, { sysfs: '/nothing' })).rejects.toBeInstanceOf(AbsentError);
  });

  it('reads the sensors once a second, however many scrapes there are', async () => {
    tree.writeAll('class/thermal', { 'thermal_zone0/type': 'cpu', 'thermal_zone0/temp': '1000' });
    const clock = new ManualClock();
    let asked = 0;
    const readSlow: ReadSlow = (paths, signal) => {
      asked += 1;
      return readHere(paths, signal);
    };
    const instance = thermalZone.create(hostOptions({ sysfs: tree.path, clock, readSlow }));
    for (const wait of [0, 500, 499]) {
      await clock.advance(wait);
      await instance.collect(never);
    }
    expect(asked).toBe(1);
    await clock.advance(1);
    await instance.collect(never);
    expect(asked).toBe(2);
  });
});
