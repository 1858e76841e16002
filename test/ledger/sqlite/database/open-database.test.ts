import {
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import { openStore } from '../../../../src/ledger/sqlite/database/open-database.ts';
import { webhookAlert, webhookPayload } from '../../../support/alerts/alerts.ts';
import { openTestStore, deliverTo, temporaryDirectory } from '../../../support/ledger/ledger.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;

beforeEach(() => {
  directory = temporaryDirectory();
  path = join(directory.path, 'deep', 'tocsin.db');
});
afterEach(() => directory.remove());

/** A closed ledger with content. */
async function filled(): Promise<void> {
  const store = openTestStore(path);
  const alerts = Array.from({ length: 500 }, (_, i) => webhookAlert({ alertname: `A${i}` }));
  await deliverTo(store, webhookPayload(alerts));
  store.close();
}

describe('openStore', () => {
  it('creates the directory and the file, and keeps its epoch', () => {
    const first = openStore(path);
    first.close();
    const second = openStore(path);
    second.close();
    expect(second.epoch).toBe(first.epoch);
    expect(first.epoch).toMatch(/^[0-9a-f]{12}$/);
  });

  it('commits durably: write-ahead log, synchronous FULL', () => {
    const store = openStore(path);
    expect(store.database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(store.database.pragma('synchronous', { simple: true })).toBe(2);
    store.close();
  });

  it('keeps a second process out until it is closed', () => {
    const first = openStore(path);
    expect(() => openStore(path)).toThrow(/in use by another process.*store\.path/);
    first.close();
    openStore(path).close();
  });

  it.each<[string, () => string]>([
    [
      'through a symbolic link',
      () => {
        symlinkSync(path, join(directory.path, 'link.db'));
        return join(directory.path, 'link.db');
      },
    ],
    [
      'through a hard link',
      () => {
        linkSync(path, join(directory.path, 'hard.db'));
        return join(directory.path, 'hard.db');
      },
    ],
    [
      'when the lock file is gone',
      () => {
        unlinkSync(`${path}.lock`);
        return path;
      },
    ],
  ])('keeps a second process out %s', (_how, otherName) => {
    const first = openStore(path);
    const other = otherName();
    expect(() => openStore(other)).toThrow(/in use by another process/);
    first.close();
    openStore(other).close();
  });

  it('creates the file that a symbolic link points to', () => {
    const link = join(directory.path, 'link.db');
    symlinkSync('real.db', link);
    openStore(link).close();
    expect(existsSync(join(directory.path, 'real.db'))).toBe(true);
    expect(existsSync(join(directory.path, 'real.db.lock'))).toBe(true);
  });

  it('lets others read in the meantime', async () => {
    const store = openTestStore(path);
    await deliverTo(store, webhookPayload([webhookAlert({ alertname: 'A' })]));
    const reader = new Database(path, { readonly: true });
    expect(reader.prepare('SELECT count(*) AS n FROM segments').get()).toEqual({ n: 1 });
    reader.close();
    store.close();
  });

  it('refuses a ledger of a newer version', () => {
    openStore(path).close();
    const database = new Database(path);
    database.pragma('user_version = 99');
    database.close();
    expect(() => openStore(path)).toThrow(
      /newer Tocsin \(schema 99; this one supports up to \d+\).*Start that version/,
    );
  });

  it('refuses the database of another program, and leaves it unchanged', () => {
    openStore(join(directory.path, 'deep', 'other.db')).close();
    const database = new Database(path);
    database.exec('CREATE TABLE theirs (x)');
    database.close();
    const before = readFileSync(path);
    expect(() => openStore(path)).toThrow(/not a Tocsin ledger/);
    expect(readFileSync(path)).toEqual(before);
  });

  it.each<[string, () => void]>([
    ['is not a database', () => writeFileSync(path, 'hello, this is not a database at all'.repeat(100))],
    ['is truncated', () => truncateSync(path, Math.floor(statSync(path).size / 2 / 4_096) * 4_096)],
    [
      'has garbage in the middle',
      () => {
        const file = openSync(path, 'r+');
        const garbage = Buffer.alloc(statSync(path).size - 3 * 4_096, 0xa5);
        writeSync(file, garbage, 0, garbage.length, 2 * 4_096);
        closeSync(file);
      },
    ],
  ])('refuses a file that %s', async (_what, harm) => {
    await filled();
    harm();
    expect(() => openStore(path)).toThrow(/is damaged.*Restore a backup, or move the file away/);
  });

  it('reports where it cannot write', () => {
    openStore(path).close();
    const below = join(path, 'x', 'tocsin.db');
    expect(() => openStore(below)).toThrow(`The ledger ${below} cannot be written`);
    expect(() => openStore('/proc/tocsin/tocsin.db')).toThrow(/cannot be written.*set store\.path/);
    expect(() => openStore(directory.path)).toThrow(/cannot be written/);
  });
});
