import { readFileSync, statfsSync, writeFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { systemClock, type Clock } from '../../../src/domain/clock.ts';
import { ChildClient } from '../../../src/host/child/client.ts';
import { CollectorError } from '../../../src/host/collector.ts';
import { MOUNT_TIMEOUT } from '../../../src/host/collectors/disk/statfs.ts';
import { ManualClock, settle } from '../../support/manual-clock.ts';
import { never } from '../../support/host/procfs.ts';
import { NEVER_MS } from '../../support/until.ts';

const ROOT = join(import.meta.dirname, '../../..');
const REAL = join(ROOT, 'dist/host/child/child.js');
const fake = (name: string): string => join(ROOT, 'test/support/host', `${name}-child.mjs`);
const TIMEOUT = { error: MOUNT_TIMEOUT };
const LIMIT_MS = 1_000;

/** Never gives up on a child because it is slow to start. */
const patient: Clock = { ...systemClock, after: (_delayMs, run) => systemClock.after(NEVER_MS, run) };

/** The first call waits for a hung path; the second, for the same path, does not, nor is the child replaced for it. */
async function expectOneWait(
  asked: ChildClient,
  first: () => Promise<void>,
  second: () => Promise<void>,
): Promise<void> {
  await first();
  const waited = await asked.countProcesses('waits', never);
  await second();
  expect(await asked.countProcesses('waits', never)).toEqual(waited);
}

describe('ChildClient', () => {
  const clients: ChildClient[] = [];
  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  function client(child: string, limitMs: number, clock: Clock = systemClock): ChildClient {
    const made = new ChildClient({ child, clock, limitMs });
    clients.push(made);
    return made;
  }

  it('calls the kernel in another process', async () => {
    const results = await client(REAL, 10_000).stat(['/', '/', '/nowhere/at/all'], never);
    const { bsize, blocks } = statfsSync('/');
    expect(results.get('/')).toMatchObject({ bsize, blocks });
    expect(results.get('/nowhere/at/all')).toEqual({ error: 'no such file or directory' });
    expect(results.size).toBe(2);
  });

  it('does nothing for no paths', async () => {
    expect(await client(fake('broken'), 100).stat([], never)).toEqual(new Map());
  });

  it('answers for the others when one hangs, and for that one too once it recovers', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tocsin-hang-'));
    try {
      const file = join(folder, 'hangs');
      writeFileSync(file, '');
      const hung = `hang:${file}`;
      const statfs = client(fake('hanging'), LIMIT_MS, patient);
      const first = async () => {
        const results = await statfs.stat(['/a', hung, '/b'], never);
        expect([results.get(hung), results.get('/a'), results.get('/b')]).toEqual([
          TIMEOUT,
          expect.objectContaining({ blocks: 10 }),
          expect.objectContaining({ blocks: 10 }),
        ]);
      };
      await expectOneWait(statfs, first, async () => {
        expect((await statfs.stat([hung, '/a'], never)).get(hung)).toEqual(TIMEOUT);
      });
      rmSync(file);
      let recovered = (await statfs.stat([hung], never)).get(hung);
      while (recovered !== undefined && 'error' in recovered) {
        recovered = (await statfs.stat([hung], never)).get(hung);
      }
      expect(recovered).toMatchObject({ blocks: 10 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('replaces a child whose threads all hang, answers for the rest and skips the hung ones', async () => {
    const statfs = client(fake('hanging'), LIMIT_MS, patient);
    const hung = Array.from({ length: 20 }, (_, i) => `/hang:${'/'.repeat(i + 1)}`);
    const first = async () => {
      const results = await statfs.stat([...hung, '/a', '/b'], never);
      expect(hung.map((path) => results.get(path))).toEqual(hung.map(() => TIMEOUT));
      expect([results.get('/a'), results.get('/b')]).toEqual([
        expect.objectContaining({ blocks: 10 }),
        expect.objectContaining({ blocks: 10 }),
      ]);
    };
    await expectOneWait(statfs, first, async () => {
      expect((await statfs.stat([...hung, '/a'], never)).get('/a')).toMatchObject({ blocks: 10 });
    });
  });

  it('reads small files in another process', async () => {
    const results = await client(REAL, 10_000).read(['/proc/sys/kernel/ostype', '/nowhere/at/all'], never);
    expect(Object.fromEntries(results)).toEqual({
      '/proc/sys/kernel/ostype': { text: 'Linux' },
      '/nowhere/at/all': { error: 'no such file or directory' },
    });
  });

  it('distinguishes a file that hangs from an unreadable one, and reads the others on time', async () => {
    const results = await client(fake('hanging'), 500, patient).read(['/hang:', '/a'], never);
    expect(Object.fromEntries(results)).toEqual({ '/hang:': { error: 'timeout' }, '/a': { text: '7' } });
  });

  it('counts processes in another process', async () => {
    const counts = await client(REAL, 10_000).countProcesses('/proc', never);
    expect(counts.pids).toBeGreaterThan(1);
    expect(counts.threads).toBeGreaterThan(counts.pids);
    await expect(client(REAL, 10_000).countProcesses('/nowhere', never)).rejects.toThrow(
      'cannot list /nowhere: no such file or directory',
    );
  });

  it('reads files while mounts hold all threads, and no longer asks for these mounts', async () => {
    const asked = client(fake('hanging'), LIMIT_MS, patient);
    const hung = Array.from({ length: 16 }, (_, i) => `/hang:${'/'.repeat(i + 1)}`);
    const first = async () => {
      const [mounts, files] = await Promise.all([asked.stat(hung, never), asked.read(['/a'], never)]);
      expect(hung.map((path) => mounts.get(path))).toEqual(hung.map(() => TIMEOUT));
      expect(files.get('/a')).toEqual({ text: '7' });
    };
    await expectOneWait(asked, first, async () => {
      await Promise.all([asked.stat(hung, never), asked.read(['/a'], never)]);
    });
  });

  it('gives up on a child that does not answer at all, and starts another', async () => {
    const clock = new ManualClock();
    const statfs = client(fake('silent'), 2_000, clock);
    for (let round = 0; round < 3; round++) {
      const answer = statfs.stat(['/'], never).catch((error: unknown) => error);
      await clock.advance(3_000);
      await settle();
      expect(await answer).toEqual(
        new CollectorError('the child process did not respond within 3000 ms; it is replaced'),
      );
    }
  });

  it('does not keep restarting a child that exits on its own', async () => {
    const clock = new ManualClock();
    const statfs = client(fake('broken'), 2_000, clock);
    await expect(statfs.stat(['/'], never)).rejects.toThrow(/broken-child.mjs exited \(exit code 3\)/);
    await expect(statfs.stat(['/'], never)).rejects.toThrow(/exited unexpectedly; it is restarted later/);
    await clock.advance(5_000);
    await expect(statfs.stat(['/'], never)).rejects.toThrow(/exited \(exit code 3\)/);
  });

  it('waits no longer than the scrape', async () => {
    const controller = new AbortController();
    const answer = client(fake('silent'), 60_000).stat(['/'], controller.signal);
    controller.abort();
    await expect(answer).rejects.toThrow(CollectorError);
  });

  it('ends its child when it is closed, and makes no calls afterwards', async () => {
    const statfs = client(REAL, 10_000);
    await statfs.stat(['/'], never);
    const before = children();
    expect(before).toHaveLength(1);
    await statfs.close();
    expect(children()).toEqual([]);
    await expect(statfs.stat(['/'], never)).rejects.toThrow('the child process is closed');
  });
});

/** The real children of this process. */
function children(): string[] {
  const pids = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean);
  return pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(REAL));
}
