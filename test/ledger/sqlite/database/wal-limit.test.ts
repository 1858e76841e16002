import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { WalLimit, walPages } from '../../../../src/ledger/sqlite/database/wal-limit.ts';
import { temporaryDirectory } from '../../../support/ledger/ledger.ts';

const MIB = 2 ** 20;

describe('the pages of the write-ahead log', () => {
  it.each([
    [Infinity, 8_000],
    [Number.NaN, 8_000],
    [1_000 * MIB, 8_000],
    [125 * MIB, 8_000],
    [124 * MIB, 4_096],
    [8 * MIB, 512],
    [7 * MIB, 256],
    [MIB, 64],
    [0, 64],
  ])('with %d bytes free are at most %d', (bytes, pages) => {
    expect(walPages(bytes)).toBe(pages);
  });

  it('take at most a quarter of the free space, where that is enough for the minimum', () => {
    fc.assert(
      fc.property(fc.integer({ min: MIB, max: 500 * MIB }), (bytes) => {
        expect(walPages(bytes) * 4_096).toBeLessThanOrEqual(bytes / 4);
      }),
    );
  });
});

describe('the limit of the write-ahead log', () => {
  let directory: ReturnType<typeof temporaryDirectory>;
  let database: Database.Database;
  beforeEach(() => {
    directory = temporaryDirectory();
    database = new Database(join(directory.path, 'ledger.db'));
    database.pragma('journal_mode = WAL');
    database.exec('CREATE TABLE t (x)');
  });
  afterEach(() => {
    database.close();
    directory.remove();
  });

  const pragma = (name: string) => Number(database.pragma(name, { simple: true }));

  it('follows the free space, up and down', () => {
    let free = 1_000 * MIB;
    const room = new WalLimit(database, '', () => free);
    const seen = () => [pragma('wal_autocheckpoint'), pragma('journal_size_limit')];
    expect(seen()).toEqual([8_000, 64 * MIB]);
    free = 8 * MIB;
    room.adjust();
    expect(seen()).toEqual([512, 2 * MIB]);
    free = 1_000 * MIB;
    room.adjust();
    expect(seen()).toEqual([8_000, 64 * MIB]);
  });

  it('checks the disk of the file', () => {
    new WalLimit(database, join(directory.path, 'ledger.db'));
    expect(pragma('wal_autocheckpoint')).toBeGreaterThan(0);
    new WalLimit(database, '/nowhere/at/all/ledger.db');
    expect(pragma('wal_autocheckpoint')).toBe(8_000);
  });

  it('keeps the log short through many commits', () => {
    const room = new WalLimit(database, '', () => 4 * MIB);
    const insert = database.prepare('INSERT INTO t VALUES (zeroblob(20000))');
    for (let i = 0; i < 500; i++) {
      insert.run();
      room.adjust();
    }
    const [state] = database.pragma('wal_checkpoint(PASSIVE)') as { log: number }[];
    expect(state?.log).toBeLessThan(300);
  });
});
