import type { Statement } from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { HistoryPoint, HistoryQuery, RunRecord } from '../../ledger.ts';
import type { Retention } from '../../thread/protocol.ts';
import type { StringTable } from '../database/string-table.ts';
import type { Sqlite } from '../database/open-database.ts';
import { ServiceRows } from './service-rows.ts';

const FIVE_MINUTES_MS = 300_000;
const HOUR_MS = 3_600_000;
/** How long single runs are kept; older history has a resolution of five minutes. */
const RAW_MS = 48 * HOUR_MS;

interface Range {
  readonly service: number;
  /** Steps are counted from here. */
  readonly origin: EpochMs;
  readonly from: EpochMs;
  readonly to: EpochMs;
  readonly stepMs: number;
}
interface Sums {
  readonly step: number;
  readonly success: number;
  readonly failure: number;
  readonly unknown: number;
  /** Total duration of the successes. */
  readonly seconds: number;
}

/** One resolution: its rows, and the statement that answers a range from them. */
interface Resolution {
  readonly points: Statement<[Range], Sums>;
  readonly rows: ServiceRows;
}

/** Single runs for two days, five-minute sums for as long as history is kept, hourly sums as long as events. */
export class RunStore {
  readonly #strings: StringTable;
  readonly #retention: Retention;
  readonly #insert: Statement<(number | string | null)[]>;
  readonly #addTo: readonly { readonly width: number; readonly statement: Statement<number[]> }[];
  readonly #runs: Resolution;
  readonly #fiveMinutes: Resolution;
  readonly #hours: Resolution;

  constructor(database: Sqlite, names: StringTable, retention: Retention) {
    this.#strings = names;
    this.#retention = retention;
    this.#insert = database.prepare(
      'INSERT OR IGNORE INTO runs (service, at, target, status, reason, duration) VALUES (?, ?, ?, ?, ?, ?)',
    );
    this.#addTo = [
      { width: FIVE_MINUTES_MS, statement: addition(database, 'rollups') },
      { width: HOUR_MS, statement: addition(database, 'hours') },
    ];
    this.#runs = { points: runPoints(database), rows: new ServiceRows(database, 'runs') };
    this.#fiveMinutes = {
      points: sumPoints(database, 'rollups'),
      rows: new ServiceRows(database, 'rollups'),
    };
    this.#hours = { points: sumPoints(database, 'hours'), rows: new ServiceRows(database, 'hours') };
  }

  /** Stores a finished run; the same run stored twice counts once. */
  insert(run: RunRecord): void {
    const service = this.#strings.idOf(run.service);
    const target = this.#strings.idOf(run.target);
    const seconds = run.durationSeconds;
    const { changes } = this.#insert.run(service, run.at, target, run.status, run.reason ?? null, seconds);
    if (changes === 0) return;
    const is = (status: RunRecord['status']) => (run.status === status ? 1 : 0);
    for (const { width, statement } of this.#addTo) {
      const at = run.at - (run.at % width);
      statement.run(service, at, is('success'), is('failure'), is('unknown'), is('success') * seconds);
    }
  }

  /**
   * The steps in which something ran, summed from the finest stored rows that the steps need: if a step is shorter than
   * a row, the step in which a row begins gets all of the row, and its neighbours nothing.
   */
  history({ service, from, to, stepMs }: HistoryQuery): readonly HistoryPoint[] {
    const id = this.#strings.known(service);
    if (id === undefined) return [];
    const hourly = stepMs % HOUR_MS === 0 && from % HOUR_MS === 0;
    const fineFrom = hourly ? Infinity : finerFrom(this.#hours, this.#fiveMinutes, id, HOUR_MS);
    const rawFrom =
      stepMs >= FIVE_MINUTES_MS ? Infinity : finerFrom(this.#fiveMinutes, this.#runs, id, FIVE_MINUTES_MS);
    const between = (level: Resolution, start: number, end: number): Sums[] => {
      const range = { service: id, origin: from, from: Math.max(from, start), to: Math.min(to, end), stepMs };
      return range.from < range.to ? level.points.all(range) : [];
    };
    const sums = [
      ...between(this.#hours, -Infinity, fineFrom),
      ...between(this.#fiveMinutes, fineFrom, Math.max(fineFrom, rawFrom)),
      ...between(this.#runs, Math.max(fineFrom, rawFrom), Infinity),
    ];
    return merged(sums).map((sum) => point(sum, from + sum.step * stepMs));
  }

  /** Removes expired rows, at most `slice` of each service and resolution. @returns whether there may be more */
  prune(now: EpochMs, slice: number): boolean {
    const { historyMs, eventsMs } = this.#retention;
    const runs = this.#runs.rows.prune(now - Math.min(RAW_MS, historyMs), slice);
    const fiveMinutes = this.#fiveMinutes.rows.prune(now - historyMs, slice);
    const hours = this.#hours.rows.prune(now - Math.max(historyMs, eventsMs), slice);
    return runs || fiveMinutes || hours;
  }
}

function addition(database: Sqlite, table: string): Statement<number[]> {
  return database.prepare(
    `INSERT INTO ${table} (service, at, success, failure, unknown, success_seconds) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET success = success + excluded.success, failure = failure + excluded.failure,
     unknown = unknown + excluded.unknown, success_seconds = success_seconds + excluded.success_seconds`,
  );
}

function points(database: Sqlite, sums: string, table: string): Statement<[Range], Sums> {
  return database.prepare(
    `SELECT CAST((at - @origin) / @stepMs AS INTEGER) AS step, ${sums} FROM ${table}
     WHERE service = @service AND at >= @from AND at < @to GROUP BY step ORDER BY step`,
  );
}

function runPoints(database: Sqlite): Statement<[Range], Sums> {
  const sums = `count(*) FILTER (WHERE status = 'success') AS success,
    count(*) FILTER (WHERE status = 'failure') AS failure, count(*) FILTER (WHERE status = 'unknown') AS unknown,
    total(duration) FILTER (WHERE status = 'success') AS seconds`;
  return points(database, sums, 'runs');
}

function sumPoints(database: Sqlite, table: string): Statement<[Range], Sums> {
  const sums =
    'sum(success) AS success, sum(failure) AS failure, sum(unknown) AS unknown, sum(success_seconds) AS seconds';
  return points(database, sums, table);
}

/**
 * From this time on the finer rows cover everything in the coarser ones; a multiple of `width`, the coarser rows'
 * width.
 */
function finerFrom(coarser: Resolution, finer: Resolution, service: number, width: number): number {
  const [oldest, first] = [coarser.rows.first(service), finer.rows.first(service)];
  if (first === undefined) return Infinity;
  const reachesBack = oldest === undefined || oldest >= first - (first % width);
  return reachesBack ? -Infinity : Math.ceil(first / width) * width;
}

/** Where one resolution follows another, a step may have parts of both. */
function merged(sums: readonly Sums[]): Sums[] {
  const bySteps = new Map<number, Sums>();
  for (const sum of sums) {
    const known = bySteps.get(sum.step);
    bySteps.set(sum.step, known === undefined ? sum : added(known, sum));
  }
  return [...bySteps.values()];
}

function added(a: Sums, b: Sums): Sums {
  return {
    step: a.step,
    success: a.success + b.success,
    failure: a.failure + b.failure,
    unknown: a.unknown + b.unknown,
    seconds: a.seconds + b.seconds,
  };
}

function point({ success, failure, unknown, seconds }: Sums, at: EpochMs): HistoryPoint {
  return { at, success, failure, unknown, ...(success > 0 && { meanDurationSeconds: seconds / success }) };
}
