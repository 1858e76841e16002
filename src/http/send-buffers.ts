/** A body that is being sent. */
export interface SendBuffer {
  /** Sets the chunks that its client is sent from now on, instead of those before. */
  retain(chunks: readonly Buffer[]): void;
  /** Its client read some of it. */
  progressed(): void;
  /** It ended: sent, or given up. */
  close(): void;
}

interface Entry {
  chunks: readonly Buffer[];
  readonly cutOff: () => void;
}

/**
 * Limits the memory held by clients that do not read their answers, on all routes together. Memory that several bodies
 * share counts once, so that any number of slow readers of one page cost that page; but while series change, each
 * reader may hold another version.
 * Beyond the limit the client that has read nothing for longest is cut off: never one that reads.
 */
export class SendBuffers {
  readonly #limit: () => number;
  /** How many bodies use each piece of memory. */
  readonly #users = new Map<ArrayBufferLike, number>();
  /** In the order of their last progress. */
  readonly #entries = new Set<Entry>();
  #bytes = 0;

  /** @param limit bytes; read for each new body, so that a reload applies */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Bytes of the memory that bodies are still sent from. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Starts to send a body. A single one may be larger than the limit.
   * @param cutOff ends the connection of its client
   */
  open(cutOff: () => void): SendBuffer {
    const entry: Entry = { chunks: [], cutOff };
    this.#entries.add(entry);
    return {
      retain: (chunks) => {
        if (!this.#entries.has(entry)) return;
        this.#retainChunks(chunks);
        this.#releaseChunks(entry.chunks);
        entry.chunks = chunks;
        this.#enforceLimit(entry);
      },
      progressed: () => {
        if (this.#entries.delete(entry)) this.#entries.add(entry);
      },
      close: () => this.#remove(entry),
    };
  }

  #enforceLimit(newest: Entry): void {
    for (const entry of this.#entries) {
      if (this.#bytes <= this.#limit()) return;
      if (entry === newest) continue;
      this.#remove(entry);
      entry.cutOff();
    }
  }

  #remove(entry: Entry): void {
    if (this.#entries.delete(entry)) this.#releaseChunks(entry.chunks);
  }

  #retainChunks(chunks: readonly Buffer[]): void {
    for (const { buffer } of chunks) {
      const users = this.#users.get(buffer) ?? 0;
      if (users === 0) this.#bytes += buffer.byteLength;
      this.#users.set(buffer, users + 1);
    }
  }

  #releaseChunks(chunks: readonly Buffer[]): void {
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
