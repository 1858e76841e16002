import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { LastRun, RunRecord } from '../../ledger.ts';
import type { Names } from '../database/string-table.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowCheck } from '../database/row-shape.ts';

const checkLastRun = rowCheck<LastRun>({ service: 'text', target: 'text', at: 'time', health: 'text' });

/** The last known health of each check. */
export class LastRunStore {
  readonly #names: Names;
  readonly #unreadable: UnreadableRows;
  readonly #insert: Statement<[number, number, number, string]>;
  readonly #since: Statement<[number], LastRun>;
  readonly #prune: Statement<[number]>;

  constructor(database: Sqlite, { names, unreadable }: { names: Names; unreadable: UnreadableRows }) {
    this.#names = names;
    this.#unreadable = unreadable;
    this.#insert = database.prepare(
      `INSERT INTO checks (service, target, at, health) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET at = excluded.at, health = excluded.health WHERE excluded.at >= at`,
    );
    this.#since = database.prepare(
      `SELECT service.name AS service, target.name AS target, checks.at, checks.health FROM checks
       JOIN names AS service ON service.id = checks.service JOIN names AS target ON target.id = checks.target
       WHERE checks.at >= ?`,
    );
    this.#prune = database.prepare('DELETE FROM checks WHERE at < ?');
  }

  /** Stores a run; one older than the stored run changes nothing. */
  insert({ service, target, at, health }: RunRecord): void {
    if (health !== undefined) this.#insert.run(this.#names.id(service), this.#names.id(target), at, health);
  }

  since(at: EpochMs): readonly LastRun[] {
    const rows = this.#since.all(at);
    return rows.filter((row) => {
      const id = `${row.service} ${row.target}`;
      return this.#unreadable.sound('checks', { ...row, id }, checkLastRun) !== undefined;
    });
  }

  /** Removes checks that have not run since; there are few rows, so all at once. */
  prune(before: EpochMs): boolean {
    this.#prune.run(before);
    return false;
  }
}
