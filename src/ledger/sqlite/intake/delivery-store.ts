import type { Statement } from 'better-sqlite3';
import type { Delivery } from '../../../alerts/delivery.ts';
import type { EpochMs } from '../../../domain/clock.ts';
import type { ListQuery, RawDelivery, StoredDelivery } from '../../ledger.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowValidator } from '../database/row-shape.ts';

/** Senders choose their names freely; this limits what is stored of them. */
const MAX_TEXT = 1_024;
/** Maximum number of parts of a body: the ids of parts are spaced by this. */
const MAX_PARTS = 65_536;
const NO_BYTES = new Uint8Array(0);

export interface DeliveryCounts {
  readonly accepted: number;
  readonly duplicates: number;
  readonly quarantined: number;
}

interface NewDelivery {
  readonly raw: RawDelivery;
  readonly webhook: number;
  readonly digest: Uint8Array;
  readonly delivery: Delivery;
  readonly counts: DeliveryCounts;
  /** Set if the same delivery was stored before. */
  readonly id?: number;
}

type Value = number | string | Uint8Array;

const checkDelivery = rowValidator<StoredDelivery>({
  ...{ id: 'integer', webhook: 'text', receivedAt: 'time', source: 'text', userAgent: 'text' },
  ...{ receiver: 'text', groupKey: 'text', status: 'text', truncatedAlerts: 'integer', accepted: 'integer' },
  ...{ duplicates: 'integer', quarantined: 'integer', bytes: 'integer' },
});

/** Every delivery, and the bodies of those that were not repeats, for the audit and for replaying. */
export class DeliveryStore {
  readonly #maxBytes: number;
  readonly #unreadable: UnreadableRows;
  readonly #isKnown: Statement<[Uint8Array], number>;
  readonly #insert: Statement<Value[]>;
  readonly #insertBody: Statement<[number, number, Uint8Array]>;
  readonly #list: Statement<[number, number], StoredDelivery>;
  readonly #expired: Statement<[number, number], number | null>;
  readonly #delete: Statement<[number]>;
  readonly #deleteBodies: Statement<[number]>;
  readonly #excess: Statement<[number, number], number | null>;
  readonly #insertPart: Statement<[number, Uint8Array]>;
  readonly #deletePartsOf: Statement<[number, number]>;
  readonly #deleteParts: Statement<[number]>;
  #through: number;
  #last: number;

  /** @param maxBytes limit for the stored bodies */
  constructor(database: Sqlite, { maxBytes, unreadable }: { maxBytes: number; unreadable: UnreadableRows }) {
    this.#maxBytes = maxBytes;
    this.#unreadable = unreadable;
    this.#isKnown = database
      .prepare<[Uint8Array], number>('SELECT 1 FROM deliveries WHERE digest = ?')
      .pluck();
    this.#insert = database.prepare(
      `INSERT INTO deliveries (id, digest, webhook, received, source, user_agent, receiver, group_key, status,
       truncated, accepted, duplicates, quarantined, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertBody = database.prepare('INSERT INTO bodies (delivery, through, body) VALUES (?, ?, ?)');
    this.#insertPart = database.prepare('INSERT INTO body_parts (id, body) VALUES (?, ?)');
    this.#deletePartsOf = database.prepare('DELETE FROM body_parts WHERE id >= ? AND id < ?');
    this.#deleteParts = database.prepare('DELETE FROM body_parts WHERE id < ?');
    this.#last = database.prepare<[], number | null>('SELECT max(id) FROM deliveries').pluck().get() ?? 0;
    this.#list = database.prepare(
      `SELECT d.id, names.name AS webhook, received AS receivedAt, source, user_agent AS userAgent, receiver,
       group_key AS groupKey, status, truncated AS truncatedAlerts, accepted, duplicates, quarantined, bytes
       FROM deliveries d LEFT JOIN names ON names.id = d.webhook
       WHERE d.id < ? ORDER BY d.id DESC LIMIT ?`,
    );
    this.#expired = database
      .prepare<[number, number], number | null>(
        // a delivery with a damaged time is removed together with the one after it
        `SELECT max(id) FROM (SELECT id, received FROM deliveries WHERE typeof(received) = 'integer'
         ORDER BY id LIMIT ?) WHERE received < ?`,
      )
      .pluck();
    this.#delete = database.prepare('DELETE FROM deliveries WHERE id <= ?');
    this.#deleteBodies = database.prepare('DELETE FROM bodies WHERE delivery <= ?');
    this.#excess = database
      .prepare<[number, number], number | null>(
        `SELECT max(delivery) FROM (SELECT delivery, through FROM bodies WHERE typeof(through) = 'integer'
         ORDER BY delivery LIMIT ?) WHERE through < ?`,
      )
      .pluck();
    const newest = database
      .prepare<[], number | null>(
        `SELECT max(through) FROM (SELECT through FROM bodies WHERE typeof(through) = 'integer'
         ORDER BY delivery DESC LIMIT 4096)`,
      )
      .pluck();
    this.#through = newest.get() ?? 0;
  }

  /** Whether the same delivery was received before. */
  isKnown(digest: Uint8Array): boolean {
    return this.#isKnown.get(digest) !== undefined;
  }

  /** An unused id. */
  newId(): number {
    this.#last++;
    return this.#last;
  }

  /** Stores a part of a body that is too large for one commit, before the delivery itself. */
  insertPart(delivery: number, part: number, bytes: Uint8Array): void {
    this.#insertPart.run(delivery * MAX_PARTS + part, bytes);
  }

  /** Removes the parts of a delivery that was not stored after all. */
  removeParts(delivery: number): void {
    this.#deletePartsOf.run(delivery * MAX_PARTS, (delivery + 1) * MAX_PARTS);
  }

  /**
   * @param body whole: stored with the delivery; parts: stored earlier under the delivery's id; none: an exact repeat
   */
  insert(
    { raw, webhook, digest, delivery, counts, id = this.newId() }: NewDelivery,
    body: 'whole' | 'parts' | 'none',
  ): void {
    this.#insert.run(
      id,
      digest,
      webhook,
      raw.receivedAt,
      raw.source.slice(0, MAX_TEXT),
      raw.userAgent.slice(0, MAX_TEXT),
      delivery.receiver,
      delivery.groupKey,
      delivery.status,
      delivery.truncatedAlerts,
      counts.accepted,
      counts.duplicates,
      counts.quarantined,
      raw.body.byteLength,
    );
    if (body === 'none') return;
    this.#through += raw.body.byteLength;
    this.#insertBody.run(id, this.#through, body === 'whole' ? raw.body : NO_BYTES);
  }

  /** Newest first. */
  list({ limit, after }: ListQuery): readonly StoredDelivery[] {
    return this.#unreadable.readablePage<StoredDelivery, StoredDelivery>(
      limit,
      (count, last) => this.#list.all(last?.id ?? Number(after ?? Number.MAX_SAFE_INTEGER), count),
      (row) => this.#unreadable.readableRows('deliveries', row, checkDelivery),
    );
  }

  savepoint(): () => void {
    const [through, last] = [this.#through, this.#last];
    return () => {
      this.#through = through;
      this.#last = last;
    };
  }

  /**
   * Removes at most `slice` deliveries before `cutoff`, and bodies beyond the limit.
   * @returns whether there may be more
   */
  prune(cutoff: EpochMs, slice: number): boolean {
    const expired = this.#expired.get(slice, cutoff) ?? undefined;
    const removed = expired === undefined ? 0 : this.#delete.run(expired).changes;
    if (expired !== undefined) this.#removeBodies(expired);
    const excess = this.#excess.get(slice, this.#through - this.#maxBytes) ?? undefined;
    const cut = excess === undefined ? 0 : this.#removeBodies(excess);
    return removed >= slice || cut >= slice;
  }

  #removeBodies(through: number): number {
    this.#deleteParts.run((through + 1) * MAX_PARTS);
    return this.#deleteBodies.run(through).changes;
  }
}
