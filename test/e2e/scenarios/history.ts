import { join } from 'node:path';
import Database from 'better-sqlite3';
import { startTocsin, temporaryFolder } from '../../support/processes/tocsin.ts';

export interface HistoryOptions {
  readonly services: number;
  readonly days: number;
  readonly points: number;
  /** Number of requests, each for another service. */
  readonly asked: number;
}

export interface HistoryRecord {
  readonly rows: number;
  readonly fileBytes: number;
  /** Points in the answer with the fewest. */
  readonly fewestPoints: number;
  /** From the request to the last byte of the answer, milliseconds. */
  readonly first: number;
  readonly median: number;
  readonly p99: number;
  readonly most: number;
}

const DAY_MS = 86_400_000;
const FIVE_MINUTES_MS = 300_000;

/** Fills the ledger as this many services at 30 s would have in that time, and requests the history of single ones. */
export async function runHistory(options: HistoryOptions): Promise<HistoryRecord> {
  await using folder = temporaryFolder();
  const config = configuration(options.services);
  const empty = await startTocsin({ folder: folder.path, config });
  await empty.stop();
  const now = Date.now();
  const { rows, fileBytes } = fill(join(folder.path, 'ledger.db'), options, now);
  await using tocsin = await startTocsin({ folder: folder.path, config });
  const step = Math.floor((options.days * DAY_MS) / options.points / 1_000);
  const to = Math.floor(now / 1_000);
  const range = `from=${to - options.points * step}&to=${to}&step=${step}`;
  const taken: number[] = [];
  let fewestPoints = Infinity;
  for (let i = 0; i < options.asked; i += 1) {
    const service = `s${(i * 37) % options.services}`;
    const started = performance.now();
    const answer = await fetch(`${tocsin.url}/api/v1/services/${service}/history?${range}`);
    const text = await answer.text();
    taken.push(performance.now() - started);
    if (!answer.ok) throw new Error(text);
    fewestPoints = Math.min(fewestPoints, (JSON.parse(text) as { points: unknown[] }).points.length);
  }
  const sorted = taken.slice(1).sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return {
    rows,
    fileBytes,
    fewestPoints,
    first: taken[0] ?? NaN,
    median: at(0.5),
    p99: at(0.99),
    most: at(1),
  };
}

/** Nothing is probed: there is only the stored history. */
function configuration(services: number): string {
  const lines = Array.from(
    { length: services },
    (_, i) => `  - { name: s${i}, target: '127.0.0.1:9', interval: 1d, tcp: {} }`,
  );
  return `
server: { node: history }
host: { enabled: false }
store: { path: ledger.db }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
services:
${lines.join('\n')}
`;
}

/** Single runs every 30 s for two days, five-minute and hourly sums for all days. */
function fill(path: string, { services, days }: HistoryOptions, now: number) {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = OFF');
  const name = database.prepare('INSERT OR IGNORE INTO names (name) VALUES (?)');
  const id = database.prepare<[string], number>('SELECT id FROM names WHERE name = ?').pluck();
  const sums = (
    table: string,
  ) => `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < @count)
    INSERT OR IGNORE INTO ${table} SELECT @service, @from + i * @width, @runs - (i % 97 = 0), i % 97 = 0, 0, 0.05 * @runs FROM n`;
  const rollups = database.prepare(sums('rollups'));
  const hours = database.prepare(sums('hours'));
  const runs =
    database.prepare(`WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < @count)
    INSERT OR IGNORE INTO runs SELECT @service, @from + i * 30000, @service, 'success', NULL, 0.05 FROM n`);
  let rows = 0;
  const level = (service: number, width: number, span: number) => ({
    service,
    width,
    count: Math.floor(span / width),
    from: now - (now % width) - span,
    runs: width / 30_000,
  });
  database.transaction(() => {
    for (let i = 0; i < services; i += 1) {
      name.run(`s${i}`);
      const service = id.get(`s${i}`) ?? NaN;
      rows += rollups.run(level(service, FIVE_MINUTES_MS, days * DAY_MS)).changes;
      rows += hours.run(level(service, 12 * FIVE_MINUTES_MS, days * DAY_MS)).changes;
      rows += runs.run({ service, count: 5_760, from: now - 2 * DAY_MS }).changes;
    }
  })();
  database.pragma('wal_checkpoint(TRUNCATE)');
  const fileBytes = Number(database.pragma('page_count', { simple: true })) * 4_096;
  database.close();
  return { rows, fileBytes };
}
