import { createHash } from 'node:crypto';
import type { Statement } from 'better-sqlite3';
import type { Complaint } from '../../domain/delivery.ts';
import type { Sqlite } from './open.ts';

const KEPT_BYTES = 64 * 1024;

export interface QuarantineLimits {
  readonly entries: number;
  readonly bytes: number;
}

interface Suspect {
  readonly webhook: number;
  readonly receivedAt: number;
  readonly complaint: Complaint;
  readonly body: Uint8Array;
}

/** What could not be read: the first 64 KiB of each, once, and the oldest make room for the newest. */
export class QuarantineStore {
  readonly #limits: QuarantineLimits;
  readonly #upsert: Statement<[Uint8Array, number, number, number, string, string, number, Uint8Array]>;
  readonly #totals: Statement<[], { entries: number; bytes: number | null }>;
  readonly #dropOldest: Statement<[]>;

  constructor(database: Sqlite, limits: QuarantineLimits) {
    this.#limits = limits;
    this.#upsert = database.prepare(
      `INSERT INTO quarantine (digest, webhook, first_received, last_received, seen, pointer, detail, size, body)
       VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?)
       ON CONFLICT (digest) DO UPDATE SET seen = seen + 1, last_received = excluded.last_received`,
    );
    this.#totals = database.prepare('SELECT count(*) AS entries, sum(size) AS bytes FROM quarantine');
    this.#dropOldest = database.prepare(
      'DELETE FROM quarantine WHERE id = (SELECT id FROM quarantine ORDER BY last_received, id LIMIT 1)',
    );
  }

  add({ webhook, receivedAt, complaint, body }: Suspect): void {
    const kept = body.subarray(0, KEPT_BYTES);
    const digest = createHash('sha256').update(`${webhook}\n${complaint.pointer}\n`).update(kept).digest();
    const { pointer, detail } = complaint;
    this.#upsert.run(digest, webhook, receivedAt, receivedAt, pointer, detail, kept.byteLength, kept);
    while (this.#isOver()) this.#dropOldest.run();
  }

  #isOver(): boolean {
    const totals = this.#totals.get();
    return (totals?.entries ?? 0) > this.#limits.entries || (totals?.bytes ?? 0) > this.#limits.bytes;
  }
}
