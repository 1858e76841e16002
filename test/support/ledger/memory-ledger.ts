import type { CloudEvent } from '../../../src/domain/event.ts';
import { parseEventId } from '../../../src/domain/event.ts';
import { cloudEvent } from '../../../src/ledger/cloud-event.ts';
import {
  LedgerUnavailableError,
  type DeadLetter,
  type EventPage,
  type EventQuery,
  type LedgerSummary,
  type SinkProgress,
} from '../../../src/ledger/ledger.ts';

const EPOCH = 'e1';

/** A ledger's events in memory, with the semantics of the real one. */
export class MemoryLedger {
  /** Events that are kept; the offset of the first is `pruned + 1`. */
  kept: CloudEvent[] = [];
  pruned = 0;
  available = true;
  reads = 0;
  readonly places = new Map<string, string>();
  readonly letters: DeadLetter[] = [];
  readonly #watchers: (() => void)[] = [];

  get last(): number {
    return this.pruned + this.kept.length;
  }

  id(offset: number): string {
    return `${EPOCH}-${offset}`;
  }

  append(count: number, more: Partial<Pick<CloudEvent, 'type' | 'subject' | 'data'>> = {}): void {
    const { type = 'tocsin.alert.fired', subject = null, data = {} } = more;
    const stored = { type, subject, time: Date.UTC(2026, 0), data: JSON.stringify(data) };
    for (let i = 0; i < count; i++)
      this.kept.push(cloudEvent({ offset: this.last + 1, ...stored }, EPOCH, 'test'));
    for (const changed of this.#watchers) changed();
  }

  /** Retention removes the oldest. */
  prune(count: number): void {
    this.pruned += this.kept.splice(0, count).length;
  }

  summary(): LedgerSummary {
    return { epoch: EPOCH, lastOffset: this.last } as LedgerSummary;
  }

  onChange(changed: () => void): void {
    this.#watchers.push(changed);
  }

  async events({ after, limit, type, subject }: EventQuery): Promise<EventPage> {
    this.reads++;
    await Promise.resolve();
    this.#check();
    const place = after === undefined ? { epoch: EPOCH, offset: this.pruned } : parseEventId(after);
    if (place?.epoch !== EPOCH || place.offset < this.pruned || place.offset > this.last) {
      return this.kept.length === 0 ? { gone: true } : { gone: true, oldest: this.id(this.pruned + 1) };
    }
    const found = this.kept
      .slice(place.offset - this.pruned)
      .filter((event) => (type ?? event.type) === event.type && (subject ?? event.subject) === event.subject)
      .slice(0, limit);
    const full = found.length === limit;
    return { events: found, nextAfter: full ? (found.at(-1)?.id ?? '') : this.id(this.last) };
  }

  openSink(sink: string): Promise<string> {
    this.#check();
    const place = this.places.get(sink) ?? this.id(this.last);
    this.places.set(sink, place);
    return Promise.resolve(place);
  }

  async saveSink({ sink, after, refused }: SinkProgress): Promise<void> {
    await Promise.resolve();
    this.#check();
    this.places.set(sink, after);
    this.letters.push(...refused);
  }

  #check(): void {
    if (!this.available) throw new LedgerUnavailableError('The ledger is restarting; try again soon.');
  }
}
