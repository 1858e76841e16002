import type { Statement } from 'better-sqlite3';
import type { Sqlite } from './open-database.ts';

/** Numbers that the ledger stores about itself. */
export class MetaTable {
  readonly #get: Statement<[string], number>;
  readonly #set: Statement<[string, number]>;

  constructor(database: Sqlite) {
    this.#get = database.prepare<[string], number>('SELECT value FROM meta WHERE key = ?').pluck();
    this.#set = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  }

  /** The stored number; 0 if it was never set, or is damaged. */
  getNumber(key: string): number {
    const value = this.#get.get(key) ?? 0;
    return Number.isSafeInteger(value) ? value : 0;
  }

  setNumber(key: string, value: number): void {
    this.#set.run(key, value);
  }
}
