import type { Statement } from 'better-sqlite3';
import { parseEventId } from '../../domain/event.ts';
import type { DeadLetter, SinkProgress } from '../ledger.ts';
import type { EventLog } from './event-log.ts';
import type { Sqlite } from './open.ts';

/** Dead letters that are kept of each sink. */
const KEPT = 1_000;

/** How far each sink has come, and what it refused. */
export class SinkStore {
  readonly #log: EventLog;
  readonly #epoch: string;
  readonly #through: Statement<[string], number>;
  readonly #save: Statement<[string, number]>;
  readonly #refuse: Statement<[string, number, number, string]>;
  readonly #bound: Statement<[string, string, number]>;
  readonly #letters: Statement<[string, string], DeadLetter>;

  constructor(database: Sqlite, { log, epoch }: { log: EventLog; epoch: string }) {
    this.#log = log;
    this.#epoch = epoch;
    this.#through = database.prepare<[string], number>('SELECT through FROM sinks WHERE name = ?').pluck();
    this.#save = database.prepare('INSERT OR REPLACE INTO sinks (name, through) VALUES (?, ?)');
    this.#refuse = database.prepare(
      'INSERT OR REPLACE INTO dead_letters (sink, event, at, reason) VALUES (?, ?, ?, ?)',
    );
    this.#bound = database.prepare(
      `DELETE FROM dead_letters WHERE sink = ? AND event <=
       (SELECT event FROM dead_letters WHERE sink = ? ORDER BY event DESC LIMIT 1 OFFSET ?)`,
    );
    this.#letters = database.prepare<[string, string], DeadLetter>(
      "SELECT ? || '-' || event AS id, at, reason FROM dead_letters WHERE sink = ? ORDER BY event DESC",
    );
  }

  /** The id after which a sink goes on. Only within a transaction: a new one is remembered. */
  open(sink: string): string {
    const known = this.#through.get(sink);
    if (known === undefined) this.#save.run(sink, this.#log.last);
    return `${this.#epoch}-${known ?? this.#log.last}`;
  }

  /** Only within a transaction. */
  save({ sink, after, refused }: SinkProgress): undefined {
    this.#save.run(sink, offsetOf(after));
    for (const { id, at, reason } of refused) this.#refuse.run(sink, offsetOf(id), at, reason);
    if (refused.length > 0) this.#bound.run(sink, sink, KEPT);
  }

  deadLetters(sink: string): readonly DeadLetter[] {
    return this.#letters.all(this.#epoch, sink);
  }
}

function offsetOf(id: string): number {
  const place = parseEventId(id);
  if (place === undefined) throw new Error(`"${id}" is no event's id`);
  return place.offset;
}
