import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CollectorError } from '../../../../src/host/collector.ts';
import { meminfo, readMeminfo } from '../../../../src/host/collectors/memory/meminfo.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import {
  aSystem,
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('meminfo', () => {
  let proc: ProcTree;
  beforeEach(() => {
    proc = new ProcTree();
  });
  afterEach(() => proc.remove());

  it.each(KERNELS)('reads the /proc of Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(meminfo, kernel);
  });

  it('has what Node reports on macOS, under the names that node_exporter uses there', async () => {
    const system = aSystem({ platform: 'darwin', totalmem: () => 17_179_869_184, freemem: () => 4_096 });
    expect(await seriesWith(meminfo, { system })).toEqual({
      node_memory_total_bytes: 17_179_869_184,
      node_memory_free_bytes: 4_096,
    });
  });

  it('declares exactly the families that node_exporter has had since 1.9, and two of macOS', () => {
    expect(meminfo.families).toHaveLength(53);
    const names = meminfo.families.map(({ name }) => name);
    expect(names).toContain('node_memory_Active_anon_bytes');
    expect(names).toContain('node_memory_HugePages_Total');
    expect(names).not.toContain('node_memory_KReclaimable_bytes');
  });

  it('leaves out invalid lines, and continues', async () => {
    proc.write(
      'meminfo',
      'MemTotal: 10 kB\nMemFree: x kB\nBuffers 3 kB\nCached: 4 MB\nDirty: -1 kB\nHugePages_Total: 7\nMapp',
    );
    expect(Object.fromEntries(readBack(await collect(meminfo, proc.path)).series)).toEqual({
      node_memory_MemTotal_bytes: 10_240,
      node_memory_HugePages_Total: 7,
    });
  });

  it('reports why when no field is known, or the file is missing', async () => {
    await expect(collect(meminfo, proc.path)).rejects.toThrow(/cannot read .*meminfo: ENOENT/);
    proc.write('meminfo', 'Nonsense: 1 kB\n');
    await expect(collect(meminfo, proc.path)).rejects.toThrow(/no known field: expected/);
  });

  it('reads every amount as printed, and no garbage', async () => {
    const line = fc.oneof(
      fc
        .tuple(fc.constantFrom('MemTotal', 'Active(anon)', 'New(er)'), fc.bigInt(0n, 2n ** 64n - 1n))
        .map(([name, value]) => `${name}:   ${value} kB`),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(line), async (lines) => {
        proc.write('meminfo', lines.join('\n'));
        const last = lines.findLast((each) => /^MemTotal: {3}\d+ kB$/.test(each));
        if (last !== undefined) {
          expect(readMeminfo(proc.path).get('MemTotal')).toBe(Number(/\d+/.exec(last)?.[0]) * 1024);
        }
        const outcome = await collect(meminfo, proc.path).catch((error: unknown) => error);
        expect(Array.isArray(outcome) || outcome instanceof CollectorError).toBe(true);
      }),
    );
  });
});
