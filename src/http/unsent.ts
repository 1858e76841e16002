/** A body that is being sent. */
export interface Sending {
  /** Its client took some of it. */
  progressed(): void;
  /** It is over: sent, or given up. */
  close(): void;
}

interface Entry {
  readonly chunks: readonly Buffer[];
  readonly cutOff: () => void;
}

/**
 * How much memory clients hold by not taking their answers. What several bodies share counts once, so that any
 * number of slow readers of one page cost that page; but while series change, each reader may hold another version.
 * Beyond the limit whoever has taken nothing for longest is cut off: never one that reads.
 */
export class Unsent {
  readonly #limit: () => number;
  /** How many read from each piece of memory. */
  readonly #users = new Map<ArrayBufferLike, number>();
  /** In the order of their last progress. */
  readonly #entries = new Set<Entry>();
  #bytes = 0;

  /** @param limit bytes; asked at each new body, so that a reload counts */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Bytes of the memory that somebody is still being sent from. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * A body begins to be sent. A single one may be larger than the limit.
   * @param cutOff ends the connection of its client
   */
  open(chunks: readonly Buffer[], cutOff: () => void): Sending {
    const entry: Entry = { chunks, cutOff };
    this.#entries.add(entry);
    for (const { buffer } of chunks) {
      const users = this.#users.get(buffer) ?? 0;
      if (users === 0) this.#bytes += buffer.byteLength;
      this.#users.set(buffer, users + 1);
    }
    this.#makeRoom(entry);
    return {
      progressed: () => {
        if (this.#entries.delete(entry)) this.#entries.add(entry);
      },
      close: () => this.#release(entry),
    };
  }

  #makeRoom(newest: Entry): void {
    for (const entry of this.#entries) {
      if (this.#bytes <= this.#limit()) return;
      if (entry === newest) continue;
      this.#release(entry);
      entry.cutOff();
    }
  }

  #release(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    for (const { buffer } of entry.chunks) {
      const users = (this.#users.get(buffer) ?? 0) - 1;
      if (users > 0) {
        this.#users.set(buffer, users);
        continue;
      }
      this.#users.delete(buffer);
      this.#bytes -= buffer.byteLength;
    }
  }
}
