import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { processes } from '../../../../src/host/collectors/cpu/processes.ts';
import { countProcesses, type ProcessCounts } from '../../../../src/host/collectors/cpu/process-count.ts';
import { readBack } from '../../../support/exposition/exposition.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import {
  expectAsNodeExporter,
  hostOptions,
  KERNELS,
  never,
  ProcTree,
  seriesWith,
} from '../../../support/host/procfs.ts';

describe('processes', () => {
  let tree: ProcTree;
  beforeEach(() => {
    tree = new ProcTree();
  });
  afterEach(() => tree.remove());

  it.each(KERNELS)('reads Linux %s as node_exporter does', async (kernel) => {
    await expectAsNodeExporter(processes, kernel);
  });

  const stat = (name: string, state: string, threads: number) =>
    `7 (${name}) ${state} 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 ${threads} 0 24 4096`;

  it('leaves out processes that are gone or invalid, and is not misled by their names', async () => {
    tree.writeAll('', {
      '7/stat': stat(') R 1 2 (', 'S', 1),
      '8/stat': '8 (cut) S 1 2',
      '9/cmdline': 'no stat',
      'sys/kernel/pid_max': 'x',
    });
    expect(await seriesWith(processes, { procfs: tree.path })).toEqual({
      node_processes_pids: 1,
      node_processes_threads: 1,
      'node_processes_state{state="S"}': 1,
      'node_processes_threads_state{thread_state="S"}': 1,
    });
  });

  it('counts at most once a second, and pauses twenty times as long as it took', async () => {
    const clock = new ManualClock();
    let counted = 0;
    const countProcesses = async (): Promise<ProcessCounts> => {
      await clock.advance(200);
      return { pids: ++counted, threads: 0, states: {}, threadStates: {} };
    };
    const instance = processes.create(hostOptions({ clock, countProcesses }));
    const pids = async () => readBack(await instance.collect(never)).series.get('node_processes_pids');
    expect([await pids(), await pids()]).toEqual([1, 1]);
    await clock.advance(3_999);
    expect(await pids()).toBe(1);
    await clock.advance(1);
    expect(await pids()).toBe(2);
  });

  it('yields to other work while it counts', async () => {
    tree.writeAll('', { '1/stat': stat('a', 'S', 1), '2/stat': stat('b', 'R', 1) });
    let turns = 0;
    await countProcesses(tree.path, () => {
      turns += 1;
      return Promise.resolve();
    });
    expect(turns).toBe(2);
  });
});
