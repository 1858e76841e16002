import { Deflater } from './deflate.ts';
import { createFormat, type ExpositionFormat, type FormatChoice } from './formats.ts';
import { paginate, type KnownPages, type Piece } from './pages.ts';
import { BlockCache, type Lease } from './rendered.ts';
import { Rendition } from './rendition.ts';
import type { BlockView, FamilySnapshot, TableSnapshot } from './table.ts';

/** The event loop is given back at least this often, in milliseconds. */
const SLICE_MS = 3;
/** What nobody asked for in this long is forgotten. */
const FORGET_MS = 10 * 60_000;

export interface RendererOptions {
  /** Milliseconds that never go back. */
  readonly monotonic: () => number;
  /** Gives the event loop back. */
  readonly pause: () => Promise<void>;
}

export interface RenderOptions {
  readonly format: FormatChoice;
  /** Whether histograms carry their native form where the format has one. */
  readonly native: boolean;
  /** Whether it is everything: what is kept of a part would push out what is kept of the whole. */
  readonly whole: boolean;
  /** Whether anybody still waits for it; when not, rendering stops half-way with an error. */
  readonly wanted: () => boolean;
}

/** Renders snapshots, keeping for each format what it rendered of the one before. */
export class Renderer {
  readonly #options: RendererOptions;
  readonly #deflater = new Deflater();
  readonly #kept = new Map<string, KeptFormat>();

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  /** @returns what is taken: `leave` it */
  async render(snapshot: TableSnapshot, options: RenderOptions): Promise<Rendition> {
    const kept = this.#keptFormat(options, snapshot.legacy);
    const slices = new Slices(this.#options, options.wanted);
    const leases: Lease[] = [];
    const pieces: Piece[] = [];
    try {
      for (const family of snapshot.families) {
        const start = leases.length;
        for (const view of family.blocks) {
          const lease = kept.blocks.render(view.state);
          lease.take();
          leases.push(lease);
          if (slices.over()) await slices.pause();
        }
        pieces.push(...kept.pieces(family, leases.slice(start)));
      }
      const rendition = this.#assemble(kept, pieces, { leases, whole: options.whole });
      rendition.take();
      return rendition;
    } finally {
      for (const lease of leases) lease.leave();
    }
  }

  #assemble(
    kept: KeptFormat,
    pieces: Piece[],
    { leases, whole }: { readonly leases: readonly Lease[]; readonly whole: boolean },
  ): Rendition {
    const { end } = kept.format;
    if (end !== undefined && pieces.length > 0) pieces.push({ bytes: end, weight: Infinity, identity: end });
    const pages = paginate(pieces, whole ? kept.pages : undefined);
    const { last } = kept;
    if (last?.pages.length === pages.length && pages.every((page, i) => page === last.pages[i])) return last;
    const rendition = new Rendition(pages, leases, this.#deflater);
    if (whole) kept.last = rendition;
    return rendition;
  }

  #keptFormat({ format, native }: RenderOptions, legacy: boolean): KeptFormat {
    const escaping = legacy ? 'underscores' : format.escaping;
    const key = `${format.name} ${escaping} ${native}`;
    const now = this.#options.monotonic();
    let kept = this.#kept.get(key);
    if (kept === undefined) {
      kept = new KeptFormat(createFormat({ ...format, escaping }, native));
      this.#kept.set(key, kept);
    }
    kept.usedAt = now;
    for (const [other, { usedAt }] of this.#kept) if (now - usedAt > FORGET_MS) this.#kept.delete(other);
    return kept;
  }
}

/** A format with all that is kept of the last exposition in it. */
class KeptFormat {
  readonly format: ExpositionFormat;
  readonly blocks: BlockCache;
  readonly pages: KnownPages = new WeakMap();
  readonly #headers = new Map<string, { readonly key: string; readonly bytes: Buffer }>();
  last: Rendition | undefined;
  usedAt = 0;

  constructor(format: ExpositionFormat) {
    this.format = format;
    this.blocks = new BlockCache(format.blocks);
  }

  /** @param leases one for each block of the family */
  pieces(family: FamilySnapshot, leases: readonly Lease[]): readonly Piece[] {
    const pieces = family.blocks.flatMap((view, i) => this.#viewPieces(view, leases[i]));
    const bytes = this.format.sized ? pieces.reduce((sum, piece) => sum + piece.bytes.length, 0) : 0;
    const header = this.#header(family, bytes);
    return [{ bytes: header, weight: header.length, identity: header }, ...pieces];
  }

  #viewPieces({ state, runs }: BlockView, lease: Lease | undefined): readonly Piece[] {
    if (lease === undefined) return [];
    const { bytes, rendered } = lease;
    if (runs === undefined) return [{ bytes, weight: state.weight, identity: lease, block: state.block }];
    return runs.map(([from, to]) => {
      const { blocks } = this.format;
      const part = bytes.subarray(blocks.endOf(rendered, from - 1), blocks.endOf(rendered, to - 1));
      return { bytes: part, weight: part.length, identity: part };
    });
  }

  #header(family: FamilySnapshot, bytes: number): Buffer {
    const { name, help } = family.family;
    const key = `${bytes} ${family.baseTaken} ${help}`;
    const known = this.#headers.get(name);
    if (known?.key === key) return known.bytes;
    const header = this.format.header(family, bytes);
    this.#headers.set(name, { key, bytes: header });
    return header;
  }
}

/** Divides work so that nothing else waits for long. */
class Slices {
  readonly #options: RendererOptions;
  readonly #wanted: () => boolean;
  #start: number;

  constructor(options: RendererOptions, wanted: () => boolean) {
    this.#options = options;
    this.#wanted = wanted;
    this.#start = options.monotonic();
  }

  over(): boolean {
    return this.#options.monotonic() - this.#start >= SLICE_MS;
  }

  /** @throws Error when nobody wants the work any more */
  async pause(): Promise<void> {
    await this.#options.pause();
    if (!this.#wanted()) throw new Error('the last who waited for this rendering has gone');
    this.#start = this.#options.monotonic();
  }
}
