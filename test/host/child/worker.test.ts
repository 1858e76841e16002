import { describe, expect, it } from '@jest/globals';
import {
  ChildWorker,
  type CallKind,
  type ChildAnswer,
  type ChildReply,
  type PackedUsage,
} from '../../../src/host/child/worker.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';

const USAGE: PackedUsage = [4096, 10, 5, 4, 3, 2];
const LIMIT = 2_000;
const ENOENT = 2;

/** Mounts that answer on request of the test; a path that starts with /ok answers at once. */
function bench(threads: number) {
  const clock = new ManualClock();
  const calls = new Map<string, (reply: PackedUsage | number) => void>();
  const started: string[] = [];
  const worker = new ChildWorker({
    clock,
    threads,
    calls: {
      statfs: (path) => {
        started.push(path);
        if (path.startsWith('/ok')) return Promise.resolve(USAGE);
        return new Promise((resolve) => calls.set(path, resolve));
      },
      read: (path) => Promise.resolve({ text: path }),
      processes: () => Promise.resolve(ENOENT),
    },
  });
  let id = 0;
  const answer = (kind: CallKind, ...paths: string[]): Promise<ChildAnswer> =>
    worker.answer({ id: ++id, kind, paths, limitMs: LIMIT });
  const ask = async (...paths: string[]): Promise<readonly ChildReply[]> =>
    (await answer('statfs', ...paths)).replies;
  /** Lets a call return. */
  const release = async (path: string, reply: PackedUsage | number = USAGE): Promise<void> => {
    calls.get(path)?.(reply);
    await settle();
  };
  return { clock, answer, ask, release, started };
}

describe('ChildWorker', () => {
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

  it('waits once for a mount that hangs, until the limit, and asks it again when it has recovered', async () => {
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

  it('shares one call between simultaneous requests', async () => {
    const { ask, release, started } = bench(4);
    const both = Promise.all([ask('/slow'), ask('/slow')]);
    await release('/slow');
    expect(await both).toEqual([[USAGE], [USAGE]]);
    expect(started).toEqual(['/slow']);
  });

  it('distinguishes calls that never had their turn from those that hang', async () => {
    const { ask, release, clock } = bench(2);
    const asked = ask('/hung1', '/hung2', '/ok');
    await clock.advance(LIMIT);
    expect(await asked).toEqual(['hung', 'hung', 'queued']);
    await release('/hung1');
    expect(await ask('/ok')).toEqual([USAGE]);
  });

  it('serves many mounts with few threads', async () => {
    const { ask } = bench(2);
    const paths = Array.from({ length: 50 }, (_, i) => `/ok${i}`);
    expect(await ask(...paths)).toEqual(paths.map(() => USAGE));
  });

  it('separates kinds of calls, and reports what holds all threads when calls time out', async () => {
    const { answer, clock } = bench(2);
    expect(await answer('read', '/ok')).toEqual({ id: 1, replies: [{ text: '/ok' }], stuck: [] });
    expect((await answer('processes', '/ok')).replies).toEqual([ENOENT]);
    const mounts = answer('statfs', '/hung1', '/hung2');
    const file = answer('read', '/hung1');
    await clock.advance(LIMIT);
    expect(await mounts).toMatchObject({ replies: ['hung', 'hung'], stuck: [] });
    expect(await file).toMatchObject({ replies: ['queued'], stuck: ['statfs /hung1', 'statfs /hung2'] });
  });
});
