import { gzipMember, toChunks, type Deflated, type Deflater } from './deflate.ts';
import type { Page } from './pages.ts';
import type { Lease } from './rendered.ts';

/** An exposition in one format: its bytes, plain and compressed, for all who ask. */
export class Rendition {
  readonly pages: readonly Page[];
  readonly #leases: readonly Lease[];
  readonly #deflater: Deflater;
  #readers = 0;
  #chunks: readonly Buffer[] | undefined;
  #gzip: Promise<readonly Buffer[]> | undefined;

  constructor(pages: readonly Page[], leases: readonly Lease[], deflater: Deflater) {
    this.pages = pages;
    this.#leases = leases;
    this.#deflater = deflater;
  }

  /** Keeps its bytes as they are until `leave`. */
  take(): void {
    this.#readers += 1;
    if (this.#readers === 1) for (const lease of this.#leases) lease.take();
  }

  leave(): void {
    this.#readers -= 1;
    if (this.#readers === 0) for (const lease of this.#leases) lease.leave();
  }

  /** In pieces of at most 64 KiB. */
  get chunks(): readonly Buffer[] {
    this.#chunks ??= toChunks(this.pages.flatMap(({ pieces }) => pieces.map(({ bytes }) => bytes)));
    return this.#chunks;
  }

  /**
   * One gzip member, in pieces of at most 64 KiB. Only pages that were not compressed before cost something.
   * @param wanted asked between pages; when nobody wants it any more, it is given up with an error
   */
  gzip(wanted: () => boolean): Promise<readonly Buffer[]> {
    this.#gzip ??= this.#compress(wanted).catch((error: unknown) => {
      this.#gzip = undefined;
      throw error;
    });
    return this.#gzip;
  }

  async #compress(wanted: () => boolean): Promise<readonly Buffer[]> {
    if (this.pages.length === 0) return [];
    this.take();
    try {
      const deflated: Deflated[] = [];
      for (const page of this.pages) {
        if (!wanted()) throw new Error('the last who waited for this compression has gone');
        deflated.push(await page.deflated(this.#deflater));
      }
      return gzipMember(deflated);
    } finally {
      this.leave();
    }
  }
}
