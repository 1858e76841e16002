import type { Block } from '../table/block.ts';
import { CHUNK_BYTES, type Deflated, type Deflater } from './gzip.ts';

/** A piece of an exposition: a family's header, a block or a part of one, or the end marker. */
export interface ExpositionPiece {
  readonly bytes: Buffer;
  /** About the length of `bytes`, but the same at every scrape, so that parts keep their boundaries. */
  readonly weight: number;
  /** The same object for the same bytes. */
  readonly identity: object;
  /** The block that it is the whole of. */
  readonly block?: Block;
}

/** Neighbouring pieces, about 64 KiB: the unit that is compressed, and cached. */
export class GzipPart {
  readonly pieces: readonly ExpositionPiece[];
  #deflated: Promise<Deflated> | undefined;

  constructor(pieces: readonly ExpositionPiece[]) {
    this.pieces = pieces;
  }

  holds(pieces: readonly ExpositionPiece[]): boolean {
    return (
      pieces.length === this.pieces.length &&
      pieces.every(({ identity }, i) => identity === this.pieces[i]?.identity)
    );
  }

  /** Its bytes must stay unchanged until this is fulfilled. */
  deflated(deflater: Deflater): Promise<Deflated> {
    this.#deflated ??= deflater.deflate(this.pieces.map(({ bytes }) => bytes)).catch((error: unknown) => {
      this.#deflated = undefined;
      throw error;
    });
    return this.#deflated;
  }
}

/** The parts of the last exposition, by their first block, or by their first piece when they have none. */
export type KnownParts = WeakMap<object, GzipPart>;

/** @param known parts to reuse where they hold the same pieces, updated for the next time; undefined: nothing is reused */
export function gzipParts(
  pieces: readonly ExpositionPiece[],
  known: KnownParts | undefined,
): readonly GzipPart[] {
  const pages: GzipPart[] = [];
  let open: ExpositionPiece[] = [];
  let weight = 0;
  const close = () => {
    if (open.length > 0) pages.push(partOf(open, known));
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

function partOf(pieces: readonly ExpositionPiece[], known: KnownParts | undefined): GzipPart {
  const key = pieces.find(({ block }) => block !== undefined)?.block ?? pieces[0]?.identity;
  const last = key && known?.get(key);
  if (last?.holds(pieces)) return last;
  const page = new GzipPart(pieces);
  if (key !== undefined) known?.set(key, page);
  return page;
}
