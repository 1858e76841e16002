import { firstOf, onAbort } from '../domain/cancellation.ts';
import { parseEventId } from '../domain/event.ts';
import type { EventPage, EventQuery, Ledger } from '../ledger/ledger.ts';

export type EventBusLedger = Pick<Ledger, 'events' | 'summary' | 'onChange'>;

/**
 * Notifies the followers of the ledger of its newest offset. It carries no events: each follower reads them from its
 * own position, so nothing is queued, a slow follower delays no one, and none can lose an event.
 */
export class EventBus {
  readonly #waiting = new Set<() => void>();
  readonly #reading = new Map<string, Promise<EventPage>>();
  readonly #ledger: EventBusLedger;

  constructor(ledger: EventBusLedger) {
    this.#ledger = ledger;
    ledger.onChange(() => {
      for (const look of this.#waiting) look();
    });
  }

  /** The id of the newest event, or the position before the first one. */
  get head(): string {
    const { epoch, lastOffset } = this.#ledger.summary();
    return `${epoch}-${lastOffset}`;
  }

  /** Number of events after an id. */
  lag(id: string): number {
    return Math.max(0, this.#ledger.summary().lastOffset - (parseEventId(id)?.offset ?? 0));
  }

  /** Waits for an event after this id, or for the signal. */
  waitAfter(id: string, signal: AbortSignal): Promise<void> {
    return firstOf(
      (happened) => {
        const look = () => {
          if (this.lag(id) > 0) happened();
        };
        this.#waiting.add(look);
        look();
        return () => this.#waiting.delete(look);
      },
      (happened) => onAbort(signal, happened),
    );
  }

  /** Reads a page; concurrent identical queries share one read. */
  read(query: EventQuery): Promise<EventPage> {
    const key = JSON.stringify(query);
    const going = this.#reading.get(key);
    if (going !== undefined) return going;
    const page = this.#ledger.events(query).finally(() => this.#reading.delete(key));
    this.#reading.set(key, page);
    return page;
  }
}
