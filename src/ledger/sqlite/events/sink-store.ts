import type { Statement } from 'better-sqlite3';
import { parseEventId } from '../../../domain/event.ts';
import type { DeadLetter, SinkProgress } from '../../ledger.ts';
import type { EventLog } from './event-log.ts';
import type { UnreadableRows } from '../../unreadable-rows.ts';
import type { Sqlite } from '../database/open-database.ts';
import { rowValidator } from '../database/row-shape.ts';

/** Dead letters kept for each sink. */
const MAX_DEAD_LETTERS = 1_000;

interface SinkParts {
  readonly log: EventLog;
  readonly epoch: string;
  readonly unreadable: UnreadableRows;
}

const checkPosition = rowValidator<{ readonly through: number }>({ through: 'integer' });
const checkLetter = rowValidator<DeadLetter>({ id: 'text', at: 'time', reason: 'text' });

/** The position of each sink, and the events that it rejected. */
export class SinkStore {
  readonly #log: EventLog;
  readonly #epoch: string;
  readonly #unreadable: UnreadableRows;
  readonly #through: Statement<[string], number>;
  readonly #save: Statement<[string, number]>;
  readonly #refuse: Statement<[string, number, number, string]>;
  readonly #bound: Statement<[string, string, number]>;
  readonly #letters: Statement<[string, string], DeadLetter>;

  constructor(database: Sqlite, { log, epoch, unreadable }: SinkParts) {
    this.#unreadable = unreadable;
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

  /** The id after which a sink continues. Only within a transaction, as a new sink is stored. */
  open(sink: string): string {
    const through = this.#through.get(sink);
    if (through === undefined) this.#save.run(sink, this.#log.last);
    const known =
      through === undefined
        ? this.#log.last
        : // unreadable: from the oldest event on nothing is lost, and repeated events have the same id
          (this.#unreadable.readOrSkip('sinks', sink, () => position(through)) ?? this.#log.pruned);
    return `${this.#epoch}-${known}`;
  }

  /** Only within a transaction. */
  save({ sink, after, refused }: SinkProgress): undefined {
    this.#save.run(sink, offsetOf(after));
    for (const { id, at, reason } of refused) this.#refuse.run(sink, offsetOf(id), at, reason);
    if (refused.length > 0) this.#bound.run(sink, sink, MAX_DEAD_LETTERS);
  }

  deadLetters(sink: string): readonly DeadLetter[] {
    const letters = this.#letters.all(this.#epoch, sink);
    return letters.filter(
      (row) => this.#unreadable.readableRows('dead_letters', row, checkLetter) !== undefined,
    );
  }
}

function position(through: number): number {
  checkPosition({ through });
  return through;
}

function offsetOf(id: string): number {
  const place = parseEventId(id);
  if (place === undefined) throw new Error(`"${id}" is not an event id`);
  return place.offset;
}
