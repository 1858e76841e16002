import type { Block, BlockState } from '../table/block.ts';

/** The memory of a rendered block, reused for another rendering once it has no readers. */
export interface BlockBuffer {
  readonly bytes: Buffer;
  /** For each part that changes with values (a number, or a whole message): where it begins and ends in `bytes`. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** A block written in one format. */
export interface RenderedBlock {
  readonly state: BlockState;
  readonly buffer: BlockBuffer;
  /** How much of `buffer.bytes` it fills. */
  readonly length: number;
  /** What follows the numbers in their lines (exemplars); undefined where nothing does. */
  readonly suffixes?: readonly string[];
}

/** Writes blocks in one format. */
export interface BlockWriter {
  /**
   * Writes a block, reusing the previous rendering of the same series where there is one.
   * @param spare used when it is large enough
   */
  write(state: BlockState, last: RenderedBlock | undefined, spare: BlockBuffer | undefined): RenderedBlock;
  /** Offset of the end of a series' lines. @param index of the series, -1 for none */
  endOf(rendered: RenderedBlock, index: number): number;
}

/** A buffer with room for so many bytes and parts: the spare where it is large enough, else a new one. */
export function bufferFor(spare: BlockBuffer | undefined, bytes: number, parts: number): BlockBuffer {
  if (spare !== undefined && spare.bytes.length >= bytes && spare.starts.length >= parts) return spare;
  return {
    // slightly larger, so that numbers that become longer still fit
    bytes: Buffer.allocUnsafe(bytes + (bytes >> 5)),
    starts: new Uint32Array(parts),
    ends: new Uint32Array(parts),
  };
}

/** A rendered block with a count of its readers; its buffer is reused when it is superseded and has none. */
export class BufferRef {
  readonly rendered: RenderedBlock;
  readonly bytes: Buffer;
  #readers = 0;
  #current = true;
  readonly #free: (buffer: BlockBuffer) => void;

  constructor(rendered: RenderedBlock, free: (buffer: BlockBuffer) => void) {
    this.rendered = rendered;
    this.bytes = rendered.buffer.bytes.subarray(0, rendered.length);
    this.#free = free;
  }

  retain(): void {
    this.#readers += 1;
  }

  release(): void {
    this.#readers -= 1;
    this.#freeIfUnused();
  }

  /** A newer rendering exists: this one gets no new readers. */
  supersede(): void {
    this.#current = false;
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (!this.#current && this.#readers === 0) this.#free(this.rendered.buffer);
  }
}

/** The rendered blocks of one format, shared by all scrapes; a block is rendered again only when a value changed. */
export class BlockCache {
  readonly #writer: BlockWriter;
  readonly #refs = new WeakMap<Block, BufferRef>();
  readonly #spares = new WeakMap<Block, BlockBuffer>();

  constructor(writer: BlockWriter) {
    this.#writer = writer;
  }

  /** The block as it was at that moment. */
  render(state: BlockState): BufferRef {
    const { block } = state;
    const last = this.#refs.get(block);
    if (last?.rendered.state === state) return last;
    const spare = this.#spares.get(block);
    this.#spares.delete(block);
    const rendered = this.#writer.write(state, last?.rendered, spare);
    if (spare !== undefined && spare.bytes !== rendered.buffer.bytes) this.#spares.set(block, spare);
    const ref = new BufferRef(rendered, (buffer) => this.#spares.set(block, buffer));
    this.#refs.set(block, ref);
    last?.supersede();
    return ref;
  }
}
