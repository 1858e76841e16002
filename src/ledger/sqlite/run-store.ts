import type { Statement } from 'better-sqlite3';
import type { HistoryPoint, HistoryQuery, RunRecord } from '../ledger.ts';
import type { Names } from './names.ts';
import type { Sqlite } from './open.ts';

/** The width of a roll-up. */
const ROLLUP_MS = 300_000;
/** How long single runs are kept; older history has five minutes' resolution. */
const RAW_MS = 48 * 3_600_000;

interface PointRow {
  readonly step: number;
  readonly success: number;
  readonly failure: number;
  readonly unknown: number;
  readonly seconds: number;
}
interface Range {
  readonly service: number;
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}
interface PruneValues {
  readonly service: number;
  readonly before: number;
  readonly slice: number;
}

/** Runs for two days, their five-minute sums for as long as history is kept. */
export class RunStore {
  readonly #names: Names;
  readonly #insert: Statement<(number | string | null)[]>;
  readonly #rollUp: Statement<number[]>;
  readonly #raw: Statement<[Range], PointRow>;
  readonly #rolledUp: Statement<[Range], PointRow>;
  readonly #services: Record<'runs' | 'rollups', Statement<[], number>>;
  readonly #pruneRaw: Statement<[PruneValues]>;
  readonly #pruneRollups: Statement<[PruneValues]>;

  constructor(database: Sqlite, names: Names) {
    this.#names = names;
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO runs (service, at, target, status, reason, duration) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#rollUp = database.prepare(
      `INSERT INTO rollups (service, at, success, failure, unknown, success_seconds) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET success = success + excluded.success, failure = failure + excluded.failure,
       unknown = unknown + excluded.unknown, success_seconds = success_seconds + excluded.success_seconds`,
    );
    const points = (sums: string, table: string) =>
      database.prepare<[Range], PointRow>(
        `SELECT CAST((at - @from) / @stepMs AS INTEGER) AS step, ${sums} FROM ${table}
         WHERE service = @service AND at >= @from AND at < @to GROUP BY step ORDER BY step`,
      );
    this.#raw = points(
      `count(*) FILTER (WHERE status = 'success') AS success, count(*) FILTER (WHERE status = 'failure') AS failure,
       count(*) FILTER (WHERE status = 'unknown') AS unknown,
       total(duration) FILTER (WHERE status = 'success') AS seconds`,
      'runs',
    );
    this.#rolledUp = points(
      'sum(success) AS success, sum(failure) AS failure, sum(unknown) AS unknown, sum(success_seconds) AS seconds',
      'rollups',
    );
    // one seek for each service, where DISTINCT would walk the whole index
    const services = (table: string) =>
      database
        .prepare<[], number>(
          `WITH RECURSIVE s (id) AS (SELECT min(service) FROM ${table}
           UNION ALL SELECT (SELECT min(service) FROM ${table} WHERE service > id) FROM s WHERE id IS NOT NULL)
           SELECT id FROM s WHERE id IS NOT NULL`,
        )
        .pluck();
    this.#services = { runs: services('runs'), rollups: services('rollups') };
    const prune = (table: string) =>
      database.prepare<[PruneValues]>(
        `DELETE FROM ${table} WHERE service = @service AND at < @before
         AND at <= (SELECT max(at) FROM (SELECT at FROM ${table} WHERE service = @service ORDER BY at LIMIT @slice))`,
      );
    this.#pruneRaw = prune('runs');
    this.#pruneRollups = prune('rollups');
  }

  /** Stores a finished run; the same run twice counts once. */
  insert(run: RunRecord): void {
    const service = this.#names.id(run.service);
    const target = this.#names.id(run.target);
    const seconds = run.durationSeconds;
    const { changes } = this.#insert.run(service, run.at, target, run.status, run.reason ?? null, seconds);
    if (changes === 0) return;
    const is = (status: RunRecord['status']) => (run.status === status ? 1 : 0);
    const bucket = run.at - (run.at % ROLLUP_MS);
    this.#rollUp.run(service, bucket, is('success'), is('failure'), is('unknown'), is('success') * seconds);
  }

  /**
   * The steps in which something ran. Steps of five minutes and more are summed from roll-ups, each of which
   * falls to the step that it begins in; finer ones from single runs, as far back as there are any.
   */
  history({ service, from, to, stepMs }: HistoryQuery): readonly HistoryPoint[] {
    const id = this.#names.known(service);
    if (id === undefined) return [];
    const rows = (stepMs >= ROLLUP_MS ? this.#rolledUp : this.#raw).all({ service: id, from, to, stepMs });
    return rows.map((row) => ({
      at: from + row.step * stepMs,
      success: row.success,
      failure: row.failure,
      unknown: row.unknown,
      ...(row.success === 0 ? {} : { meanDurationSeconds: row.seconds / row.success }),
    }));
  }

  /** Removes what is too old, at most `slice` rows of each service; whether there may be more. */
  prune(now: number, historyMs: number, slice: number): boolean {
    let more = false;
    for (const service of this.#services.runs.all()) {
      const before = now - Math.min(RAW_MS, historyMs);
      more = this.#pruneRaw.run({ service, before, slice }).changes >= slice || more;
    }
    for (const service of this.#services.rollups.all()) {
      more = this.#pruneRollups.run({ service, before: now - historyMs, slice }).changes >= slice || more;
    }
    return more;
  }
}
