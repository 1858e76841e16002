import { createHash } from 'node:crypto';
import type { Statement } from 'better-sqlite3';
import type { ParseProblem } from '../../../alerts/delivery.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { ListQuery, QuarantineEntry } from '../../ledger.ts';
import { parseQuarantineCursor } from '../../list-cursors.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowValidator } from '../database/row-shape.ts';

type QuarantineCursor = Pick<QuarantineEntry, 'lastReceivedAt' | 'id'>;
const KEPT_BYTES = 64 * 1024;
const NEWEST: QuarantineCursor = { lastReceivedAt: Number.MAX_SAFE_INTEGER, id: Number.MAX_SAFE_INTEGER };

const checkEntry = rowValidator<QuarantineEntry>({
  ...{ id: 'integer', webhook: 'text', firstReceivedAt: 'time', lastReceivedAt: 'time', seen: 'integer' },
  ...{ pointer: 'text', detail: 'text', size: 'integer', body: 'bytes' },
});

export interface QuarantineLimits {
  readonly entries: number;
  readonly bytes: number;
}

interface QuarantinedInput {
  readonly webhook: number;
  readonly receivedAt: EpochMs;
  readonly complaint: ParseProblem;
  readonly body: Uint8Array;
}

/** Unreadable input: the first 64 KiB of each, stored once; the oldest entries make room for new ones. */
export class QuarantineStore {
  readonly #limits: QuarantineLimits;
  readonly #unreadable: UnreadableRows;
  readonly #upsert: Statement<[Uint8Array, number, number, number, string, string, number, Uint8Array]>;
  readonly #totals: Statement<[], { entries: number; bytes: number | null }>;
  readonly #dropOldest: Statement<[]>;
  readonly #list: Statement<[number, number, number], QuarantineEntry>;
  readonly #one: Statement<[number], QuarantineEntry>;
  readonly #drop: Statement<[number]>;

  constructor(
    database: Sqlite,
    { limits, unreadable }: { limits: QuarantineLimits; unreadable: UnreadableRows },
  ) {
    this.#limits = limits;
    this.#unreadable = unreadable;
    this.#upsert = database.prepare(
      `INSERT INTO quarantine (digest, webhook, first_received, last_received, seen, pointer, detail, size, body)
       VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)
       ON CONFLICT (digest) DO UPDATE SET seen = seen + 1, last_received = excluded.last_received`,
    );
    this.#totals = database.prepare('SELECT count(*) AS entries, sum(size) AS bytes FROM quarantine');
    this.#dropOldest = database.prepare(
      'DELETE FROM quarantine WHERE id = (SELECT id FROM quarantine ORDER BY last_received, id LIMIT 1)',
    );
    const select = (body: string) =>
      `SELECT q.id, names.name AS webhook, first_received AS firstReceivedAt, last_received AS lastReceivedAt,
       seen, pointer, detail, size, ${body} FROM quarantine q LEFT JOIN names ON names.id = q.webhook`;
    this.#list = database.prepare(
      // substr() of an empty body is NULL
      `${select("coalesce(substr(body, 1, 1024), x'') AS body")}
       WHERE (last_received, q.id) < (?, ?) ORDER BY last_received DESC, q.id DESC LIMIT ?`,
    );
    this.#one = database.prepare(`${select('body')} WHERE q.id = ?`);
    this.#drop = database.prepare('DELETE FROM quarantine WHERE id = ?');
  }

  /** Newest first. */
  list({ limit, after }: ListQuery): readonly QuarantineEntry[] {
    const place = after === undefined ? NEWEST : parseQuarantineCursor(after);
    return this.#unreadable.readablePage<QuarantineEntry, QuarantineEntry>(
      limit,
      (count, { lastReceivedAt, id }: QuarantineCursor = place) => this.#list.all(lastReceivedAt, id, count),
      (row) => this.#unreadable.readableRows('quarantine', row, checkEntry),
    );
  }

  get(id: number): QuarantineEntry | undefined {
    const row = this.#one.get(id);
    return row === undefined ? undefined : this.#unreadable.readableRows('quarantine', row, checkEntry);
  }

  /** @returns whether the entry existed */
  drop(id: number): boolean {
    return this.#drop.run(id).changes > 0;
  }

  add({ webhook, receivedAt, complaint, body }: QuarantinedInput): void {
    const kept = body.subarray(0, KEPT_BYTES);
    const digest = createHash('sha256').update(`${webhook}\n${complaint.pointer}\n`).update(kept).digest();
    const { pointer, detail } = complaint;
    this.#upsert.run(digest, webhook, receivedAt, receivedAt, pointer, detail, kept.byteLength, kept);
    while (this.#exceedsLimits()) this.#dropOldest.run();
  }

  #exceedsLimits(): boolean {
    const totals = this.#totals.get();
    return (totals?.entries ?? 0) > this.#limits.entries || (totals?.bytes ?? 0) > this.#limits.bytes;
  }
}
