import { describe, expect, it } from '@jest/globals';
import { StatfsWorker, type PackedUsage, type StatfsReply } from '../../src/host/statfs-worker.ts';
import { ManualClock, settle } from '../support/manual-clock.ts';

const USAGE: PackedUsage = [4096, 10, 5, 4, 3, 2];
const LIMIT = 2_000;

/** Mounts that answer when the test says so; a path that begins with /ok answers at once. */
function bench(threads: number) {
  const clock = new ManualClock();
  const calls = new Map<string, (reply: PackedUsage | number) => void>();
  const started: string[] = [];
  const worker = new StatfsWorker({
    clock,
    threads,
    statfs: (path) => {
      started.push(path);
      if (path.startsWith('/ok')) return Promise.resolve(USAGE);
      return new Promise((resolve) => calls.set(path, resolve));
    },
  });
  let id = 0;
  const ask = async (...paths: string[]): Promise<readonly StatfsReply[]> =>
    (await worker.answer({ id: ++id, paths, limitMs: LIMIT })).replies;
  /** Lets a call return. */
  const release = async (path: string, reply: PackedUsage | number = USAGE): Promise<void> => {
    calls.get(path)?.(reply);
    await settle();
  };
  return { clock, ask, release, started };
}

describe('StatfsWorker', () => {
  it('answers as soon as every mount has, in the order asked', async () => {
    const { ask, clock } = bench(4);
    expect(await ask('/ok1', '/ok2')).toEqual([USAGE, USAGE]);
    expect(await ask()).toEqual([]);
    expect(clock.timers).toBe(0);
  });

  it('passes errors on', async () => {
    const { ask, release } = bench(4);
    const answer = ask('/slow', '/ok');
    await release('/slow', 13);
    expect(await answer).toEqual([13, USAGE]);
  });

  it('waits for a mount that hangs until the limit, once, and asks it again when it recovered', async () => {
    const { ask, release, clock, started } = bench(4);
    const first = ask('/hung', '/ok');
    await clock.advance(LIMIT);
    expect(await first).toEqual(['hung', USAGE]);
    // no time passes here: a second wait would never end
    expect(await ask('/hung', '/ok')).toEqual(['hung', USAGE]);
    expect(started.filter((path) => path === '/hung')).toHaveLength(1);
    await release('/hung');
    const again = ask('/hung');
    await release('/hung', [1, 1, 1, 1, 1, 1]);
    expect(await again).toEqual([[1, 1, 1, 1, 1, 1]]);
  });

  it('shares one call between those who ask at the same time', async () => {
    const { ask, release, started } = bench(4);
    const both = Promise.all([ask('/slow'), ask('/slow')]);
    await release('/slow');
    expect(await both).toEqual([[USAGE], [USAGE]]);
    expect(started).toEqual(['/slow']);
  });

  it('tells those that never had their turn from those that hang', async () => {
    const { ask, release, clock } = bench(2);
    const answer = ask('/hung1', '/hung2', '/ok');
    await clock.advance(LIMIT);
    expect(await answer).toEqual(['hung', 'hung', 'queued']);
    await release('/hung1');
    expect(await ask('/ok')).toEqual([USAGE]);
  });

  it('serves many mounts with few threads', async () => {
    const { ask } = bench(2);
    const paths = Array.from({ length: 50 }, (_, i) => `/ok${i}`);
    expect(await ask(...paths)).toEqual(paths.map(() => USAGE));
  });
});
