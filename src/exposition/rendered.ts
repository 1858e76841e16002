import type { Block, BlockState } from './block.ts';

/** Where a rendering lies; used again for another when nobody reads it any more. */
export interface Memory {
  readonly bytes: Buffer;
  /** For each part that changes with values (a number, or a whole message): where it begins and ends in `bytes`. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** A block written in one format. */
export interface Rendered {
  readonly state: BlockState;
  readonly memory: Memory;
  /** How much of `memory.bytes` it fills. */
  readonly length: number;
  /** What follows the numbers in their lines (exemplars); undefined where nothing does. */
  readonly suffixes?: readonly string[];
}

/** How blocks are written. */
export interface BlockWriter {
  /**
   * Writes a block from nothing, or from what was written of the same series before.
   * @param spare used when it is large enough
   */
  write(state: BlockState, last: Rendered | undefined, spare: Memory | undefined): Rendered;
  /** Where the lines of a series end. @param index of the series, -1 for none */
  endOf(rendered: Rendered, index: number): number;
}

/** Room for so many bytes and parts: the spare, or new. */
export function roomFor(spare: Memory | undefined, bytes: number, parts: number): Memory {
  if (spare !== undefined && spare.bytes.length >= bytes && spare.starts.length >= parts) return spare;
  return {
    // a little more, so that numbers that become longer find room
    bytes: Buffer.allocUnsafe(bytes + (bytes >> 5)),
    starts: new Uint32Array(parts),
    ends: new Uint32Array(parts),
  };
}

/** A rendering, with those who read it. */
export class Lease {
  readonly rendered: Rendered;
  readonly bytes: Buffer;
  #readers = 0;
  #current = true;
  readonly #free: (memory: Memory) => void;

  constructor(rendered: Rendered, free: (memory: Memory) => void) {
    this.rendered = rendered;
    this.bytes = rendered.memory.bytes.subarray(0, rendered.length);
    this.#free = free;
  }

  take(): void {
    this.#readers += 1;
  }

  leave(): void {
    this.#readers -= 1;
    this.#freeIfUnused();
  }

  /** There is a newer one: nobody new will read this. */
  retire(): void {
    this.#current = false;
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (!this.#current && this.#readers === 0) this.#free(this.rendered.memory);
  }
}

/** What is rendered of each block in one format: shared by all scrapes, written anew only where a value changed. */
export class BlockCache {
  readonly #writer: BlockWriter;
  readonly #leases = new WeakMap<Block, Lease>();
  readonly #spares = new WeakMap<Block, Memory>();

  constructor(writer: BlockWriter) {
    this.#writer = writer;
  }

  /** The block as it was at that moment. */
  render(state: BlockState): Lease {
    const { block } = state;
    const last = this.#leases.get(block);
    if (last?.rendered.state === state) return last;
    const spare = this.#spares.get(block);
    this.#spares.delete(block);
    const rendered = this.#writer.write(state, last?.rendered, spare);
    if (spare !== undefined && spare.bytes !== rendered.memory.bytes) this.#spares.set(block, spare);
    const lease = new Lease(rendered, (memory) => this.#spares.set(block, memory));
    this.#leases.set(block, lease);
    last?.retire();
    return lease;
  }
}
