import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { EpochMs } from '../../../domain/clock.ts';
import type { CloudEvent } from '../../../domain/event.ts';
import type { Logger } from '../../../domain/log.ts';
import { cloudEvent } from '../../cloud-event.ts';
import { LedgerStartError, type RawDelivery } from '../../ledger.ts';
import { UnreadableRows } from '../../unreadable-rows.ts';
import { EventLog } from '../events/event-log.ts';
import { EventReader } from '../events/event-reader.ts';
import { MetaTable } from './meta-table.ts';
import { StringTable } from './string-table.ts';
import { APPLICATION_ID, MIGRATIONS } from './schema.ts';
import { rowValidator } from './row-shape.ts';
import { SegmentReader } from '../events/segment-reader.ts';

const ROWS_PER_READ = 1_000;
const MAX_PARTS = 65_536;
/** Pages copied between two checks of the signal: 4 MiB. */
const BACKUP_PAGES = 1_024;

interface DeliveryRow {
  readonly id: number;
  readonly webhook: string;
  readonly receivedAt: EpochMs;
  readonly source: string;
  readonly userAgent: string;
  readonly body: Uint8Array;
}

const checkDelivery = rowValidator<DeliveryRow>({
  ...{ id: 'integer', webhook: 'text', receivedAt: 'time' },
  ...{ source: 'text', userAgent: 'text', body: 'bytes' },
});

const NO_EPISODES = Object.freeze({ lastEvents: () => [] });

/** A ledger's file opened only for reading, even while a running Tocsin writes to it. */
export class LedgerFile {
  /** Rows left out because they are unreadable. */
  readonly unreadable: UnreadableRows;
  readonly #database: Database.Database;

  /** @throws LedgerStartError if it is unreadable; the message says why and what to do */
  constructor(path: string, logger: Logger) {
    this.unreadable = new UnreadableRows(logger);
    if (!existsSync(path)) throw new LedgerStartError(`The ledger ${path} does not exist; see store.path.`);
    try {
      this.#database = new Database(path, { readonly: true, fileMustExist: true });
      this.#check(path);
    } catch (error) {
      if (error instanceof LedgerStartError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new LedgerStartError(`The ledger ${path} cannot be read: ${why}.`, { cause: error });
    }
  }

  /** Copies it as it is at one moment, without blocking a process that writes to it. */
  async backup(target: string, signal: AbortSignal): Promise<void> {
    const progress = () => {
      signal.throwIfAborted();
      return BACKUP_PAGES;
    };
    await this.#database.backup(target, { progress });
  }

  /**
   * Every event, oldest first, or those after an id.
   * @throws LedgerStartError if events after `after` are no longer stored
   */
  *events(node: string, after?: string): Generator<CloudEvent> {
    const [strings, meta] = [new StringTable(this.#database), new MetaTable(this.#database)];
    const epoch = String(this.#database.prepare("SELECT value FROM meta WHERE key = 'epoch'").pluck().get());
    const segments = new SegmentReader(this.#database);
    const parts = { strings, segments, unreadable: this.unreadable };
    const log = new EventLog(this.#database, { ...parts, meta });
    const reader = new EventReader(this.#database, { ...parts, log, epoch, episodes: NO_EPISODES });
    for (let next = after; ;) {
      const slice = reader.slice({ limit: ROWS_PER_READ, ...(next !== undefined && { after: next }) });
      if ('gone' in slice)
        throw new LedgerStartError(
          `The events after "${next ?? ''}" are no longer kept; omit --after to begin with the oldest.`,
        );
      for (const event of slice.events) {
        const read = this.unreadable.readOrSkip('segments', event.offset, () =>
          cloudEvent(event, epoch, node),
        );
        if (read !== undefined) yield read;
      }
      if (!slice.full) return;
      next = `${epoch}-${slice.next}`;
    }
  }

  /** Every delivery whose body is stored, oldest first. */
  *deliveries(): Generator<RawDelivery> {
    const rows = this.#database.prepare<[number, number], DeliveryRow>(
      `SELECT d.id, names.name AS webhook, received AS receivedAt, source, user_agent AS userAgent, body
       FROM bodies JOIN deliveries d ON d.id = bodies.delivery LEFT JOIN names ON names.id = d.webhook
       WHERE d.id > ? ORDER BY d.id LIMIT ?`,
    );
    const parts = this.#database
      .prepare<[number, number], Uint8Array>(
        'SELECT body FROM body_parts WHERE id >= ? AND id < ? ORDER BY id',
      )
      .pluck();
    for (let after = 0; ;) {
      const slice = rows.all(after, 10);
      for (const row of slice) {
        after = row.id;
        if (this.unreadable.readableRows('deliveries', row, checkDelivery) === undefined) continue;
        const { id, body, ...delivery } = row;
        const whole =
          body.byteLength > 0 ? body : Buffer.concat(parts.all(id * MAX_PARTS, (id + 1) * MAX_PARTS));
        yield { ...delivery, body: whole };
      }
      if (slice.length === 0) return;
    }
  }

  close(): void {
    this.#database.close();
  }

  #check(path: string): void {
    const number = (name: string) => Number(this.#database.pragma(name, { simple: true }));
    if (number('application_id') !== APPLICATION_ID)
      throw new LedgerStartError(`${path} is not a Tocsin ledger; see store.path.`);
    const version = number('user_version');
    if (version === MIGRATIONS.length) return;
    const advice =
      version > MIGRATIONS.length
        ? 'was written by a newer Tocsin: use that version'
        : 'was written by an older Tocsin: start this version on it once';
    throw new LedgerStartError(
      `The ledger ${path} ${advice} (schema ${version}, expected ${MIGRATIONS.length}).`,
    );
  }
}
