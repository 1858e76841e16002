import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { openTestStore, deliverTo } from '../support/ledger/ledger.ts';
import { describeWithMounts } from '../support/processes/mounts.ts';
import { runTocsin, temporaryFolder } from '../support/processes/tocsin.ts';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const folder = temporaryFolder();
const at = (name: string) => join(folder.path, name);

beforeAll(async () => {
  const store = openTestStore(at('ledger.db'));
  const alerts = Array.from({ length: 2_000 }, (_, i) =>
    webhookAlert({ alertname: 'Many', id: String(i) }, { annotations: { text: 'x'.repeat(500) } }),
  );
  await deliverTo(store, webhookPayload(alerts));
  store.close();
  writeFileSync(at('tocsin.yml'), 'store: { path: ledger.db }\n');
  mkdirSync(at('folder'));
});
afterAll(() => folder[Symbol.asyncDispose]());

const ledger = (...args: string[]) => runTocsin(['ledger', ...args], { cwd: folder.path });

/** Runs with its standard output to this file, which cannot hold it all. */
async function intoFile(args: readonly string[], file: string): Promise<{ code: number; stderr: string }> {
  const output = openSync(file, 'w');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder.path,
    stdio: ['ignore', output, 'pipe'],
  });
  closeSync(output);
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stderr };
}

describe('a command whose output cannot be written', () => {
  it.each([[['ledger', 'export']], [['check']], [['--help']], [['--version']]])(
    '%j onto a full disk exits with 1 and one sentence',
    async (args) => {
      expect(await intoFile(args, '/dev/full')).toEqual({
        code: 1,
        stderr: expect.stringMatching(
          /^tocsin: Standard output cannot be written: ENOSPC: no space left[^\n]*\n$/,
        ),
      });
    },
  );

  it('export to a closed pipe ends at once, without a message', async () => {
    const child = spawn(process.execPath, [MAIN, 'ledger', 'export'], { cwd: folder.path });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  });
});

describe('ledger backup and replay', () => {
  const WRONG: readonly (readonly [string, string, RegExp])[] = [
    [
      'a folder that is not there',
      'none/x.db',
      /^tocsin: The folder .*\/none does not exist; create it, or give another file\.\n$/,
    ],
    ['a folder', 'folder', /^tocsin: .*\/folder already exists; give the name of a new file\.\n$/],
    [
      'a file below a file',
      'tocsin.yml/x.db',
      /^tocsin: The folder .*\/tocsin\.yml does not exist; [^\n]*\n$/,
    ],
    [
      'a place that takes no files',
      '/proc/x.db',
      /^tocsin: The ledger cannot be (copied|replayed) to \/proc\/x\.db: [^\n]*\n$/,
    ],
  ];
  it.each(
    WRONG.flatMap(([what, target, message]) =>
      ['backup', 'replay'].map((word) => ({ word, what, target, message })),
    ),
  )(
    '$word into $what exits with 1 and one sentence, and leaves nothing behind',
    async ({ word, target, message }) => {
      const before = readdirSync(folder.path);
      expect(await ledger(word, target)).toEqual({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(message),
      });
      expect(readdirSync(folder.path)).toEqual(before);
      expect(readdirSync(at('folder'))).toEqual([]);
    },
  );

  it.each(['backup', 'replay'])('%s creates one file', async (word) => {
    const before = readdirSync(folder.path);
    expect(await ledger(word, `${word}.db`)).toMatchObject({ code: 0, stderr: '' });
    expect(readdirSync(folder.path)).toEqual([...before, `${word}.db`].sort());
  });
});

describeWithMounts('onto a disk that is too small', () => {
  it.each(['backup', 'replay'])('%s exits with 1 and one sentence, and leaves no file', async (word) => {
    const disk = at(`disk-${word}`);
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
    try {
      const { code, stderr } = await ledger(word, join(disk, 'x.db'));
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/^tocsin: The ledger cannot be (copied|replayed) to [^\n]*\n$/),
      });
      expect(readdirSync(disk)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});
