import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CpuTopology, cpuList } from '../../../../src/host/collectors/cpu/cpu-topology.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import { ProcTree } from '../../../support/host/procfs.ts';
import { ManualClock } from '../../../support/manual-clock.ts';

const CPU = 'devices/system/cpu';

describe('CpuTopology', () => {
  let tree: ProcTree;
  let clock: ManualClock;
  beforeEach(() => {
    tree = new ProcTree();
    clock = new ManualClock();
  });
  afterEach(() => tree.remove());

  const read = async (topology: CpuTopology) => Object.fromEntries(readBack(await topology.collect()).series);

  it('returns the counters of a core and a package once, from the first CPU that has them', async () => {
    tree.writeAll(CPU, {
      'cpu0/topology/physical_package_id': '0',
      'cpu0/topology/core_id': '0',
      'cpu0/thermal_throttle/core_throttle_count': '5',
      'cpu1/topology/physical_package_id': '0',
      'cpu1/topology/core_id': '0',
      'cpu1/thermal_throttle/core_throttle_count': '6',
      'cpu1/thermal_throttle/package_throttle_count': '7',
      'cpu2/topology/core_id': '0',
      'cpu3/topology/physical_package_id': '1',
      'cpu3/topology/core_id': '0',
      'cpu3/thermal_throttle/core_throttle_count': 'hot',
    });
    expect(await read(new CpuTopology({ sysfs: tree.path, clock }))).toEqual({
      'node_cpu_core_throttles_total{core="0",package="0"}': 5,
      'node_cpu_package_throttles_total{package="0"}': 7,
    });
  });

  it('reads values each time, and looks for CPUs once a minute', async () => {
    tree.writeAll(CPU, { 'cpu0/online': '1' });
    const topology = new CpuTopology({ sysfs: tree.path, clock });
    expect(await read(topology)).toEqual({ 'node_cpu_online{cpu="0"}': 1 });
    tree.writeAll(CPU, { 'cpu0/online': '0', 'cpu1/online': '1', isolated: '1' });
    expect(await read(topology)).toEqual({ 'node_cpu_online{cpu="0"}': 0 });
    await clock.advance(60_000);
    expect(await read(topology)).toEqual({
      'node_cpu_isolated{cpu="1"}': 1,
      'node_cpu_online{cpu="0"}': 0,
      'node_cpu_online{cpu="1"}': 1,
    });
  });

  it('returns nothing without /sys', async () => {
    expect(await read(new CpuTopology({ sysfs: '/nothing', clock }))).toEqual({});
  });
});

describe('cpuList', () => {
  it.each([
    ['', []],
    ['0', [0]],
    ['2-3,7', [2, 3, 7]],
    ['3-2', []],
    ['a-b, 1,,-4,5-', []],
  ])('parses "%s" as %j', (text, expected) => {
    expect(cpuList(text)).toEqual(expected);
  });

  it('is bounded for any input', () => {
    expect(cpuList('0-99999,0-99999')).toHaveLength(65_536);
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0129-,')) }), (text) =>
        cpuList(text).every((cpu) => Number.isSafeInteger(cpu) && cpu >= 0),
      ),
    );
  });
});
