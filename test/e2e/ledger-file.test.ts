import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { postWebhook, webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

const MAIN = new URL('../../dist/main.js', import.meta.url).pathname;
const config = (path: string) => `store: { path: ${path} }\nhost: { enabled: false }\n`;

async function post(tocsin: RunningTocsin, alertname: string): Promise<number> {
  return (await postWebhook(tocsin.url, webhookPayload([webhookAlert({ alertname })]))).status;
}

const ready = (tocsin: RunningTocsin) => fetch(`${tocsin.url}/-/ready`);

const text = async (url: string) => (await fetch(url)).text();

async function writable(tocsin: RunningTocsin): Promise<number> {
  return Number(/^tocsin_ledger_writable (\d)$/m.exec(await text(`${tocsin.url}/metrics`))?.[1]);
}

/** As an operator does with the sqlite3 program. */
function writeByHand(path: string): void {
  const database = new Database(path);
  database.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('hand', 1)");
  database.close();
}

/** What a second Tocsin reports when it is started on `path`; it is expected to refuse. */
async function second(folder: string, path: string): Promise<{ code: number | null; output: string }> {
  const file = join(folder, 'second.yml');
  writeFileSync(file, config(path));
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', file, '--listen', '127.0.0.1:0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // one that serves would never exit on its own
      if (output.includes('"listening"')) child.kill();
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}

type Prepare = (folder: string) => string;

const OTHER_NAMES: readonly (readonly [string, Prepare])[] = [
  ['under its own name', () => 'data/ledger.db'],
  [
    'through a symbolic link',
    (folder) => {
      symlinkSync('data/ledger.db', join(folder, 'link.db'));
      return 'link.db';
    },
  ],
  [
    'through a symbolic link to its folder',
    (folder) => {
      symlinkSync('data', join(folder, 'elsewhere'));
      return 'elsewhere/ledger.db';
    },
  ],
  [
    'through a hard link',
    (folder) => {
      linkSync(join(folder, 'data/ledger.db'), join(folder, 'hard.db'));
      return 'hard.db';
    },
  ],
  [
    'when the lock file is gone',
    (folder) => {
      unlinkSync(join(folder, 'data/ledger.db.lock'));
      return 'data/ledger.db';
    },
  ],
];

describe('a second Tocsin on the same ledger', () => {
  it.each(OTHER_NAMES)('is refused %s, and the first continues', async (_how, prepare) => {
    await using folder = temporaryFolder();
    await using tocsin = await startTocsin({ folder: folder.path, config: config('data/ledger.db') });
    expect(await post(tocsin, 'Before')).toBe(200);
    const { code, output } = await second(folder.path, prepare(folder.path));
    expect(output).toContain('is in use by another process');
    expect(code).toBe(1);
    expect(await post(tocsin, 'After')).toBe(200);
    expect((await ready(tocsin)).status).toBe(200);
  });
});

interface Loss {
  readonly how: string;
  readonly lose: (folder: string) => void;
  readonly giveBack?: (folder: string) => void;
  readonly reason: RegExp;
}

const away = (folder: string) => {
  mkdirSync(join(folder, 'away'));
  renameSync(join(folder, 'data/ledger.db'), join(folder, 'away/ledger.db'));
};
const back = (folder: string) => renameSync(join(folder, 'away/ledger.db'), join(folder, 'data/ledger.db'));

const LOSSES: readonly Loss[] = [
  { how: 'moved away', lose: away, giveBack: back, reason: /ledger\.db no longer exists/ },
  {
    how: 'replaced by a copy',
    lose: (folder) => {
      away(folder);
      copyFileSync(join(folder, 'away/ledger.db'), join(folder, 'data/ledger.db'));
    },
    giveBack: back,
    reason: /ledger\.db was replaced by another file/,
  },
  {
    how: 'moved with its folder',
    lose: (folder) => renameSync(join(folder, 'data'), join(folder, 'moved')),
    giveBack: (folder) => renameSync(join(folder, 'moved'), join(folder, 'data')),
    reason: /ledger\.db no longer exists/,
  },
  {
    how: 'deleted',
    lose: (folder) => rmSync(join(folder, 'data/ledger.db')),
    reason: /ledger\.db no longer exists/,
  },
  {
    how: 'robbed of its write-ahead log',
    lose: (folder) => rmSync(join(folder, 'data/ledger.db-wal')),
    reason: /ledger\.db-wal no longer exists/,
  },
];

describe('a ledger that is', () => {
  it.each(LOSSES)('$how while Tocsin runs is not written, and Tocsin reports it', async (loss) => {
    await using folder = temporaryFolder();
    await using tocsin = await startTocsin({ folder: folder.path, config: config('data/ledger.db') });
    expect(await post(tocsin, 'Before')).toBe(200);
    loss.lose(folder.path);
    // the very next delivery is refused: what was answered 200 would be lost with the file
    expect(await post(tocsin, 'Meanwhile')).toBe(503);
    const answer = await ready(tocsin);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(loss.reason);
    expect(await writable(tocsin)).toBe(0);
    if (loss.giveBack !== undefined) {
      loss.giveBack(folder.path);
      await until(async () => (await ready(tocsin)).status === 200);
      expect(await writable(tocsin)).toBe(1);
      expect(await post(tocsin, 'Meanwhile')).toBe(200);
    }
    expect(tocsin.log.filter(({ level }) => level === 'error')).toHaveLength(1);
    expect(await tocsin.stop()).toBe(0);
  });

  it('lost while there are no deliveries makes Tocsin unready on its own', async () => {
    await using folder = temporaryFolder();
    await using tocsin = await startTocsin({ folder: folder.path, config: config('data/ledger.db') });
    away(folder.path);
    await until(async () => (await ready(tocsin)).status === 503);
    back(folder.path);
    await until(async () => (await ready(tocsin)).status === 200);
  });

  it('written by another program is read again, and nothing that was answered 200 is lost', async () => {
    await using folder = temporaryFolder();
    await using tocsin = await startTocsin({ folder: folder.path, config: config('data/ledger.db') });
    expect(await post(tocsin, 'Before')).toBe(200);
    writeByHand(join(folder.path, 'data/ledger.db'));
    await until(async () => (await post(tocsin, 'After')) === 200);
    await tocsin.logged(({ msg }) => msg === 'the ledger thread is running again');
    expect((await ready(tocsin)).status).toBe(200);
    const events = await text(`${tocsin.url}/api/v1/events?type=tocsin.alert.*`);
    expect(events.match(/"alertname":"(Before|After)"/g)).toHaveLength(2);
  });
});
