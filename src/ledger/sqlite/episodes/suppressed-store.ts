import type { Statement } from 'better-sqlite3';
import type { Suppression } from '../../../alerts/reconciliation-types.ts';
import type { Sqlite } from '../database/open-database.ts';

/** Which episodes their Alertmanagers suppress, and why. Writes only within a transaction. */
export class SuppressedStore {
  readonly #set: Statement<[number, string]>;
  readonly #remove: Statement<[number]>;
  readonly #all: Statement<[], number>;
  readonly #obsolete: Statement<[], { episode: number; webhook: number | null; open: number | null }>;

  constructor(database: Sqlite) {
    this.#set = database.prepare('INSERT OR REPLACE INTO suppressed (episode, reason) VALUES (?, ?)');
    this.#remove = database.prepare('DELETE FROM suppressed WHERE episode = ?');
    this.#all = database.prepare<[], number>('SELECT episode FROM suppressed').pluck();
    this.#obsolete = database.prepare(
      'SELECT s.episode, e.webhook, e.open FROM suppressed s LEFT JOIN episodes e ON e.id = s.episode',
    );
  }

  ids(): readonly number[] {
    return this.#all.all();
  }

  set(id: number, reason: Suppression | undefined): void {
    if (reason === undefined) this.#remove.run(id);
    else this.#set.run(id, reason);
  }

  /** Episodes that are closed, or whose webhook is no longer reconciled. */
  obsolete(asked: (webhook: number) => boolean): readonly number[] {
    return this.#obsolete
      .all()
      .filter(({ webhook, open }) => webhook === null || open !== 1 || !asked(webhook))
      .map(({ episode }) => episode);
  }
}
