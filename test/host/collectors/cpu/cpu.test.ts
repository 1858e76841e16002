import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CollectorError, type CollectorInstance } from '../../../../src/host/collector.ts';
import { cpu, readCpuTime } from '../../../../src/host/collectors/cpu/cpu.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import {
  aSystem,
  collect,
  collectorOn,
  expectAsNodeExporter,
  KERNELS,
  never,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;

describe('cpu', () => {
  let proc: ProcTree;
  beforeEach(() => {
    proc = new ProcTree();
  });
  afterEach(() => proc.remove());

  async function seconds(instance: CollectorInstance): Promise<Record<string, number>> {
    const { series } = readBack(await instance.collect(never));
    return Object.fromEntries(
      [...series].map(([name, value]) => [
        name.replace(/node_cpu_(guest_)?seconds_total\{cpu="(\d+)",mode="(\w+)"\}/, '$1$2.$3'),
        value,
      ]),
    );
  }

  it.each(KERNELS)('reads the /proc of Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(cpu, kernel);
  });

  it('never lets a counter decrease: the kernel may decrease idle and iowait', async () => {
    const instance = collectorOn(cpu, proc.path);
    proc.write('stat', 'cpu0 100 0 100 1000 50 0 0 0 0 0\n');
    await seconds(instance);
    proc.write('stat', 'cpu0 110 0 99 999 49 0 0 0 0 0\n');
    expect(await seconds(instance)).toMatchObject({
      '0.user': 1.1,
      '0.system': 1,
      '0.idle': 10,
      '0.iowait': 0.5,
    });
    proc.write('stat', 'cpu0 110 0 101 1001 51 0 0 0 0 0\n');
    expect(await seconds(instance)).toMatchObject({ '0.system': 1.01, '0.idle': 10.01, '0.iowait': 0.51 });
  });

  it('starts again when idle decreases by 3 s: the CPU was unplugged and plugged in again', async () => {
    const instance = collectorOn(cpu, proc.path);
    proc.write('stat', 'cpu0 500 0 0 1000 0 0 0 0 0 0\ncpu1 500 0 0 1000 0 0 0 0 0 0\n');
    await seconds(instance);
    proc.write('stat', 'cpu0 1 0 0 700 0 0 0 0 0 0\ncpu1 1 0 0 701 0 0 0 0 0 0\n');
    expect(await seconds(instance)).toMatchObject({ '0.user': 0.01, '0.idle': 7, '1.user': 5, '1.idle': 10 });
  });

  it('drops a CPU that is gone', async () => {
    const instance = collectorOn(cpu, proc.path);
    proc.write('stat', 'cpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 900 1 1 1 1 1 1 1 1 1\n');
    await seconds(instance);
    proc.write('stat', 'cpu0 1 1 1 1 1 1 1 1 1 1\n');
    expect(Object.keys(await seconds(instance)).filter((key) => key.includes('1.'))).toEqual([]);
    proc.write('stat', 'cpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 2 1 1 1 1 1 1 1 1 1\n');
    expect(await seconds(instance)).toMatchObject({ '1.user': 0.02 });
  });

  it('leaves out columns that are missing or not numbers, and continues', async () => {
    proc.write(
      'stat',
      'cpu0 100 x -3 400 5.5\ncpu1 100 200 300 400 500 600 700 800 900 1000 1100\ncpuX 1 2\ncpu1 7 7\n',
    );
    const reported = await seconds(collectorOn(cpu, proc.path));
    expect(Object.entries(reported).filter(([key]) => key.startsWith('0.'))).toEqual([
      ['0.user', 1],
      ['0.idle', 4],
    ]);
    expect(MODES.map((mode) => reported[`1.${mode}`])).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect([reported['guest_1.user'], reported['guest_1.nice']]).toEqual([9, 10]);
  });

  it('reports a missing CPU line or file', async () => {
    await expect(collect(cpu, proc.path)).rejects.toThrow(/cannot read .*stat: ENOENT/);
    proc.write('stat', 'cpu  1 2 3 4\nintr 0\n');
    await expect(collect(cpu, proc.path)).rejects.toThrow(/no line for a CPU: expected/);
  });

  it("has what Node reports about macOS's CPUs, in seconds", async () => {
    const cpus = () => [{ times: { user: 1_000, nice: 0, sys: 500, idle: 90_000 } }];
    expect(await seriesWith(cpu, { system: aSystem({ platform: 'darwin', cpus }) })).toEqual({
      'node_cpu_seconds_total{cpu="0",mode="user"}': 1,
      'node_cpu_seconds_total{cpu="0",mode="nice"}': 0,
      'node_cpu_seconds_total{cpu="0",mode="system"}': 0.5,
      'node_cpu_seconds_total{cpu="0",mode="idle"}': 90,
    });
  });

  it('reports how busy all CPUs were, counting guests once', () => {
    proc.write('stat', 'cpu  100 200 300 400 500 600 700 800 100 50\ncpu0 1 1 1 1\n');
    expect(readCpuTime(proc.path)).toEqual({ total: 36, busy: 27 });
  });

  it('never decreases a counter, whatever the file contains', async () => {
    const time = fc.nat({ max: 2_000 }).map(String);
    const column = fc.oneof(time, fc.constantFrom('', '-1', '18446744073709551615', 'x'));
    const columns = fc.tuple(
      fc.array(time, { minLength: 4, maxLength: 4 }),
      fc.array(column, { maxLength: 8 }),
    );
    const line = fc
      .tuple(fc.constantFrom('cpu0', 'cpu1', 'cpu', 'cpux'), columns)
      .map(([name, [first, rest]]) => [name, ...first, ...rest].join(' '));
    const file = fc.array(line, { maxLength: 4 }).map((lines) => lines.join('\n'));
    await fc.assert(
      fc.asyncProperty(fc.array(file, { minLength: 1, maxLength: 6 }), async (files) => {
        const instance = collectorOn(cpu, proc.path);
        let before: Record<string, number> = {};
        for (const text of files) {
          proc.write('stat', text);
          const reported = await seconds(instance).catch((error: unknown) => {
            expect(error).toBeInstanceOf(CollectorError);
            return undefined;
          });
          if (reported === undefined) continue;
          for (const [key, value] of Object.entries(reported)) {
            const id = key.replace(/\.\w+$/, '').replace('guest_', '');
            const wasReset = (before[`${id}.idle`] ?? 0) - (reported[`${id}.idle`] ?? Infinity) >= 3;
            expect(Number.isFinite(value) && (wasReset || value >= (before[key] ?? 0))).toBe(true);
          }
          before = reported;
        }
      }),
    );
  });
});
