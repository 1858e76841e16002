/** A body that is being sent. */
export interface Sending {
  /** What its client is being sent from: from now on this, instead of what was before. */
  hold(chunks: readonly Buffer[]): void;
  /** Its client took some of it. */
  progressed(): void;
  /** It is over: sent, or given up. */
  close(): void;
}

interface Entry {
  chunks: readonly Buffer[];
  readonly cutOff: () => void;
}

/**
 * How much memory clients hold by not taking their answers, those of every route together. What several bodies share counts once, so that any
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
  open(cutOff: () => void): Sending {
    const entry: Entry = { chunks: [], cutOff };
    this.#entries.add(entry);
    return {
      hold: (chunks) => {
        if (!this.#entries.has(entry)) return;
        this.#take(chunks);
        this.#give(entry.chunks);
        entry.chunks = chunks;
        this.#makeRoom(entry);
      },
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
    if (this.#entries.delete(entry)) this.#give(entry.chunks);
  }

  #take(chunks: readonly Buffer[]): void {
    for (const { buffer } of chunks) {
      const users = this.#users.get(buffer) ?? 0;
      if (users === 0) this.#bytes += buffer.byteLength;
      this.#users.set(buffer, users + 1);
    }
  }

  #give(chunks: readonly Buffer[]): void {
    for (const { buffer } of chunks) {
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
