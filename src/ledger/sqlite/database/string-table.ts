import type { Statement } from 'better-sqlite3';
import type { Sqlite } from './open-database.ts';

/** Numbers for names that repeat in many rows. */
export class StringTable {
  readonly #ids = new Map<string, number>();
  readonly #texts = new Map<number, string>();
  readonly #find: Statement<[string], number>;
  readonly #add: Statement<[string]>;
  readonly #startingWith: Statement<[string, string], number>;
  readonly #byId: Statement<[number], string>;

  constructor(database: Sqlite) {
    this.#find = database.prepare<[string], number>('SELECT id FROM names WHERE name = ?').pluck();
    this.#add = database.prepare<[string]>('INSERT INTO names (name) VALUES (?)');
    this.#byId = database.prepare<[number], string>('SELECT name FROM names WHERE id = ?').pluck();
    this.#startingWith = database
      .prepare<[string, string], number>('SELECT id FROM names WHERE name >= ? AND name < ?')
      .pluck();
  }

  /** The number of a name; a new name is stored. Only within a transaction. */
  idOf(textOf: string): number {
    const knownId = this.known(textOf);
    if (knownId !== undefined) return knownId;
    const id = Number(this.#add.run(textOf).lastInsertRowid);
    this.#ids.set(textOf, id);
    return id;
  }

  /** The number of a stored name; undefined if it is not stored. */
  known(name: string): number | undefined {
    const cached = this.#ids.get(name);
    if (cached !== undefined) return cached;
    const id = this.#find.get(name);
    if (id !== undefined) this.#ids.set(name, id);
    return id;
  }

  /** The name with this number; empty if unknown. */
  name(id: number): string {
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const name = this.#byId.get(id);
    if (name !== undefined) this.#texts.set(id, name);
    return name ?? '';
  }

  /** The numbers of all names with this prefix. */
  idsWithPrefix(prefix: string): readonly number[] {
    return this.#startingWith.all(prefix, `${prefix}\u{10ffff}`);
  }

  /** After a rollback a number may no longer be valid: cached numbers are dropped. */
  savepoint(): () => void {
    return () => {
      this.#ids.clear();
      this.#texts.clear();
    };
  }
}
