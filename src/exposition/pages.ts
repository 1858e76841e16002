import type { Block } from './block.ts';
import { CHUNK_BYTES, type Deflated, type Deflater } from './deflate.ts';

/** A part of an exposition: what begins a family, or a block or a part of it, or the end. */
export interface Piece {
  readonly bytes: Buffer;
  /** About as long as `bytes`, but the same at every scrape: pages keep their boundaries. */
  readonly weight: number;
  /** The same object for the same bytes. */
  readonly identity: object;
  /** The block that it is the whole of. */
  readonly block?: Block;
}

/** Neighbouring pieces, about 64 KiB: what is compressed at once, and kept. */
export class Page {
  readonly pieces: readonly Piece[];
  #deflated: Promise<Deflated> | undefined;

  constructor(pieces: readonly Piece[]) {
    this.pieces = pieces;
  }

  holds(pieces: readonly Piece[]): boolean {
    return (
      pieces.length === this.pieces.length &&
      pieces.every(({ identity }, i) => identity === this.pieces[i]?.identity)
    );
  }

  /** Its bytes must not be given back before this is fulfilled. */
  deflated(deflater: Deflater): Promise<Deflated> {
    this.#deflated ??= deflater.deflate(this.pieces.map(({ bytes }) => bytes)).catch((error: unknown) => {
      this.#deflated = undefined;
      throw error;
    });
    return this.#deflated;
  }
}

/** The pages of the last exposition, found again by their first block, or by their first piece when they have none. */
export type KnownPages = WeakMap<object, Page>;

/** @param known pages that are taken where they hold the same, and kept for the next time; without it, none are */
export function paginate(pieces: readonly Piece[], known: KnownPages | undefined): readonly Page[] {
  const pages: Page[] = [];
  let open: Piece[] = [];
  let weight = 0;
  const close = () => {
    if (open.length > 0) pages.push(pageOf(open, known));
    open = [];
    weight = 0;
  };
  for (const piece of pieces) {
    if (weight + piece.weight > CHUNK_BYTES) close();
    open.push(piece);
    weight += piece.weight;
  }
  close();
  return pages;
}

function pageOf(pieces: readonly Piece[], known: KnownPages | undefined): Page {
  const key = pieces.find(({ block }) => block !== undefined)?.block ?? pieces[0]?.identity;
  const last = key && known?.get(key);
  if (last?.holds(pieces)) return last;
  const page = new Page(pieces);
  if (key !== undefined) known?.set(key, page);
  return page;
}
