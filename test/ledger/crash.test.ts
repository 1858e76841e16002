import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventsOf, openTestStore, temporaryDirectory } from '../support/ledger/ledger.ts';

const LOAD = fileURLToPath(new URL('../support/ledger/threads/load.mjs', import.meta.url));

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'tocsin.db');
});
afterEach(() => directory.remove());

interface Reported {
  readonly acknowledged: number[];
  readonly refused: number[];
}

/** Runs the load until `enough`, then ends it with SIGKILL; returns what it had reported until then. */
async function underLoad(
  command: string[],
  firstId: number,
  enough: (reported: Reported, pid: number) => boolean,
): Promise<Reported> {
  const program = command[0] ?? process.execPath;
  const node = command.length === 0 ? [] : [...command.slice(1), process.execPath];
  const args = [...node, LOAD, path, String(firstId)];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const reported: Reported = { acknowledged: [], refused: [] };
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, id] = line.split(' ');
    if (word === 'ack') reported.acknowledged.push(Number(id));
    if (word === 'no') reported.refused.push(Number(id));
    if (word !== 'ready' && enough(reported, child.pid ?? 0)) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return reported;
}

/** How often each id fired; the offsets must have no gaps. */
async function stored(): Promise<Map<number, number>> {
  const store = openTestStore(path);
  try {
    const events = await eventsOf(store);
    expect(events.map(({ offset }) => offset)).toEqual(events.map((_, i) => i + 1));
    const counts = new Map<number, number>();
    for (const { data } of events) {
      const id = Number((JSON.parse(data) as { labels: { id: string } }).labels.id);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return counts;
  } finally {
    store.close();
  }
}

describe('kill -9 under load', () => {
  it('loses nothing that was acknowledged, and duplicates nothing, over 20 rounds', async () => {
    const acknowledged: number[] = [];
    for (let round = 0; round < 20; round++) {
      const wanted = 20 + ((round * 37) % 150);
      const reported = await underLoad([], round * 100_000, (so) => so.acknowledged.length >= wanted);
      expect(reported.refused).toEqual([]);
      acknowledged.push(...reported.acknowledged);
    }
    const counts = await stored();
    expect(acknowledged.length).toBeGreaterThan(1_000);
    expect(acknowledged.filter((id) => counts.get(id) !== 1)).toEqual([]);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
  });
});

describe('a full disk', () => {
  it('acknowledges nothing that it cannot store, and recovers on its own', async () => {
    let acknowledgedBefore = 0;
    let lifted = false;
    // files may grow to 400 kB, until the limit is lifted
    const reported = await underLoad(['prlimit', '--fsize=400000:unlimited'], 0, (so, pid) => {
      if (!lifted && so.refused.length >= 40) {
        lifted = true;
        acknowledgedBefore = so.acknowledged.length;
        spawnSync('prlimit', ['--pid', String(pid), '--fsize=unlimited:unlimited']);
      }
      return lifted && so.acknowledged.length >= acknowledgedBefore + 100;
    });
    expect(acknowledgedBefore).toBeGreaterThan(0);
    const counts = await stored();
    expect(reported.acknowledged.filter((id) => counts.get(id) !== 1)).toEqual([]);
    expect(reported.refused.filter((id) => counts.has(id))).toEqual([]);
  });
});
