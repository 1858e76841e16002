import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { LastRun, RunRecord } from '../../ledger.ts';
import type { StringTable } from '../database/string-table.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowValidator } from '../database/row-shape.ts';

const checkLastRun = rowValidator<LastRun>({ service: 'text', target: 'text', at: 'time', health: 'text' });

/** The last known health of each check. */
export class LastRunStore {
  readonly #strings: StringTable;
  readonly #unreadable: UnreadableRows;
  readonly #insert: Statement<[number, number, number, string]>;
  readonly #since: Statement<[number], LastRun>;
  readonly #prune: Statement<[number]>;

  constructor(database: Sqlite, { names, unreadable }: { names: StringTable; unreadable: UnreadableRows }) {
    this.#strings = names;
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
    if (health !== undefined)
      this.#insert.run(this.#strings.idOf(service), this.#strings.idOf(target), at, health);
  }

  since(at: EpochMs): readonly LastRun[] {
    const rows = this.#since.all(at);
    return rows.filter((row) => {
      const id = `${row.service} ${row.target}`;
      return this.#unreadable.readableRows('checks', { ...row, id }, checkLastRun) !== undefined;
    });
  }

  /** Removes checks that have not run since; there are few rows, so all at once. */
  prune(before: EpochMs): boolean {
    this.#prune.run(before);
    return false;
  }
}
