import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { Sqlite } from '../database/open-database.ts';

interface PruneValues {
  readonly service: number;
  readonly before: EpochMs;
  readonly slice: number;
}

/** Rows of a table whose key begins with a service and a time: finds and removes the oldest of each service. */
export class ServiceRows {
  readonly #first: Statement<[number], number | null>;
  readonly #services: Statement<[], number>;
  readonly #prune: Statement<[PruneValues]>;

  constructor(database: Sqlite, table: 'runs' | 'rollups' | 'hours') {
    this.#first = database
      .prepare<[number], number | null>(`SELECT min(at) FROM ${table} WHERE service = ?`)
      .pluck();
    // one seek for each service, whereas DISTINCT would walk the whole index
    this.#services = database
      .prepare<[], number>(
        `WITH RECURSIVE s (id) AS (SELECT min(service) FROM ${table}
         UNION ALL SELECT (SELECT min(service) FROM ${table} WHERE service > id) FROM s WHERE id IS NOT NULL)
         SELECT id FROM s WHERE id IS NOT NULL`,
      )
      .pluck();
    this.#prune = database.prepare<[PruneValues]>(
      `DELETE FROM ${table} WHERE service = @service AND at < @before
       AND at <= (SELECT max(at) FROM (SELECT at FROM ${table} WHERE service = @service ORDER BY at LIMIT @slice))`,
    );
  }

  /** The time of a service's oldest row; undefined if it has none. */
  first(service: number): number | undefined {
    return this.#first.get(service) ?? undefined;
  }

  /** Removes older rows, at most `slice` of each service. @returns whether there may be more */
  prune(before: EpochMs, slice: number): boolean {
    let more = false;
    for (const service of this.#services.all()) {
      more = this.#prune.run({ service, before, slice }).changes >= slice || more;
    }
    return more;
  }
}
