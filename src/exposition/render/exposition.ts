import { gzipMember, toChunks, type Deflated, type Deflater } from './gzip.ts';
import type { GzipPart } from './gzip-parts.ts';
import type { BufferRef } from './block-cache.ts';

/** An exposition in one format: its bytes, plain and compressed, shared by all scrapes that want it. */
export class Exposition {
  readonly parts: readonly GzipPart[];
  readonly #buffers: readonly BufferRef[];
  readonly #deflater: Deflater;
  #readers = 0;
  #chunks: readonly Buffer[] | undefined;
  #gzip: Promise<readonly Buffer[]> | undefined;

  constructor(pages: readonly GzipPart[], refs: readonly BufferRef[], deflater: Deflater) {
    this.parts = pages;
    this.#buffers = refs;
    this.#deflater = deflater;
  }

  /** Keeps its bytes unchanged until `release`. */
  retain(): void {
    this.#readers += 1;
    if (this.#readers === 1) for (const ref of this.#buffers) ref.retain();
  }

  release(): void {
    this.#readers -= 1;
    if (this.#readers === 0) for (const ref of this.#buffers) ref.release();
  }

  /** In pieces of at most 64 KiB. */
  get chunks(): readonly Buffer[] {
    this.#chunks ??= toChunks(this.parts.flatMap(({ pieces }) => pieces.map(({ bytes }) => bytes)));
    return this.#chunks;
  }

  /**
   * One gzip member, in pieces of at most 64 KiB. Parts that were compressed before are reused.
   * @param wanted asked between parts; compression stops with an error once it returns false
   */
  gzip(wanted: () => boolean): Promise<readonly Buffer[]> {
    this.#gzip ??= this.#compress(wanted).catch((error: unknown) => {
      this.#gzip = undefined;
      throw error;
    });
    return this.#gzip;
  }

  async #compress(wanted: () => boolean): Promise<readonly Buffer[]> {
    if (this.parts.length === 0) return [];
    this.retain();
    try {
      const deflated: Deflated[] = [];
      for (const page of this.parts) {
        if (!wanted()) throw new Error('the last client that waited for this compression disconnected');
        deflated.push(await page.deflated(this.#deflater));
      }
      return gzipMember(deflated);
    } finally {
      this.release();
    }
  }
}
