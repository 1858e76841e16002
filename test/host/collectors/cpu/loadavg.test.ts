import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CollectorError } from '../../../../src/host/collector.ts';
import { loadavg } from '../../../../src/host/collectors/cpu/loadavg.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import {
  aSystem,
  collect,
  expectAsNodeExporter,
  KERNELS,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('loadavg', () => {
  let proc: ProcTree;
  beforeEach(() => {
    proc = new ProcTree();
  });
  afterEach(() => proc.remove());

  it.each(KERNELS)('reads the /proc of Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(loadavg, kernel);
  });

  it('has what Node reports on macOS', async () => {
    const system = aSystem({ platform: 'darwin', loadavg: () => [1.5, 2.5, 3.5] });
    expect(await seriesWith(loadavg, { system })).toEqual({
      node_load1: 1.5,
      node_load5: 2.5,
      node_load15: 3.5,
    });
  });

  it.each([
    ['0.10 0.20', { node_load1: 0.1, node_load5: 0.2 }],
    ['x 0.20 0.30 1/2 3\n', { node_load5: 0.2, node_load15: 0.3 }],
    ['0.10 -1 NaN', { node_load1: 0.1 }],
    ['1e400 12 0x10', { node_load5: 12 }],
  ])('leaves out what is not a load in "%s"', async (text, expected) => {
    proc.write('loadavg', text);
    expect(Object.fromEntries(readBack(await collect(loadavg, proc.path)).series)).toEqual(expected);
  });

  it('reports why when nothing is a load, or the file is missing', async () => {
    await expect(collect(loadavg, proc.path)).rejects.toThrow(/cannot read .*loadavg: ENOENT/);
    proc.write('loadavg', '\n');
    await expect(collect(loadavg, proc.path)).rejects.toThrow(/has no load average: expected/);
  });

  it('answers garbage with finite loads or a CollectorError', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: fc.constantFrom(...Array.from('0129. -+eE/xN\n\t\u0000')) }),
        async (text) => {
          proc.write('loadavg', text);
          const outcome = await collect(loadavg, proc.path).catch((error: unknown) => error);
          if (Array.isArray(outcome)) {
            expect([...readBack(outcome).series.values()].every((load) => load >= 0 && load < Infinity)).toBe(
              true,
            );
          } else {
            expect(outcome).toBeInstanceOf(CollectorError);
          }
        },
      ),
    );
  });
});
