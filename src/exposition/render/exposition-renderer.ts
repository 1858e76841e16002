import type { MonotonicMs } from '../../domain/clock.ts';
import { Deflater } from './gzip.ts';
import { createFormat, type ExpositionFormat, type FormatChoice } from '../formats/formats.ts';
import { gzipParts, type KnownParts, type ExpositionPiece } from './gzip-parts.ts';
import { BlockCache, type BufferRef } from './block-cache.ts';
import { Exposition } from './exposition.ts';
import type { BlockView, FamilySnapshot, TableSnapshot } from '../table/series-table.ts';

/** How long rendering may hold the event loop at a stretch, in milliseconds. */
const SLICE_MS = 3;
/** A format that was not requested for this long loses its cache. */
const FORMAT_IDLE_MS = 10 * 60_000;

export interface RendererOptions {
  readonly monotonic: () => MonotonicMs;
  /** Yields to the event loop. */
  readonly pause: () => Promise<void>;
}

export interface RenderOptions {
  readonly format: FormatChoice;
  /** Whether histograms carry their native form where the format has one. */
  readonly native: boolean;
  /** Whether all series are included. Only whole expositions are cached, so that a filtered one does not evict them. */
  readonly whole: boolean;
  /** Whether a client still waits; when none does, rendering stops with an error. */
  readonly wanted: () => boolean;
}

/** Renders snapshots. For each format it caches the rendered blocks, so that only changed ones are rendered again. */
export class ExpositionRenderer {
  readonly #options: RendererOptions;
  readonly #deflater = new Deflater();
  readonly #caches = new Map<string, FormatCache>();

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  /** @returns an exposition that is retained: the caller must `release` it */
  async render(snapshot: TableSnapshot, options: RenderOptions): Promise<Exposition> {
    const cache = this.#cacheFor(options, snapshot.legacy);
    const slices = new TimeSlices(this.#options, options.wanted);
    const refs: BufferRef[] = [];
    const pieces: ExpositionPiece[] = [];
    try {
      for (const family of snapshot.families) {
        const start = refs.length;
        for (const view of family.blocks) {
          const ref = cache.blocks.render(view.state);
          ref.retain();
          refs.push(ref);
          if (slices.spent()) await slices.yieldToEventLoop();
        }
        pieces.push(...cache.pieces(family, refs.slice(start)));
      }
      const exposition = this.#assemble(cache, pieces, { refs, whole: options.whole });
      exposition.retain();
      return exposition;
    } finally {
      for (const ref of refs) ref.release();
    }
  }

  #assemble(
    cache: FormatCache,
    pieces: ExpositionPiece[],
    { refs, whole }: { readonly refs: readonly BufferRef[]; readonly whole: boolean },
  ): Exposition {
    const { end } = cache.format;
    if (end !== undefined && pieces.length > 0) pieces.push({ bytes: end, weight: Infinity, identity: end });
    const pages = gzipParts(pieces, whole ? cache.parts : undefined);
    const { last } = cache;
    if (last?.parts.length === pages.length && pages.every((page, i) => page === last.parts[i])) return last;
    const exposition = new Exposition(pages, refs, this.#deflater);
    if (whole) cache.last = exposition;
    return exposition;
  }

  #cacheFor({ format, native }: RenderOptions, legacy: boolean): FormatCache {
    const escaping = legacy ? 'underscores' : format.escaping;
    const key = `${format.name} ${escaping} ${native}`;
    const now = this.#options.monotonic();
    let cache = this.#caches.get(key);
    if (cache === undefined) {
      cache = new FormatCache(createFormat({ ...format, escaping }, native));
      this.#caches.set(key, cache);
    }
    cache.usedAt = now;
    for (const [other, { usedAt }] of this.#caches)
      if (now - usedAt > FORMAT_IDLE_MS) this.#caches.delete(other);
    return cache;
  }
}

/** A format with what is cached of its last exposition. */
class FormatCache {
  readonly format: ExpositionFormat;
  readonly blocks: BlockCache;
  readonly parts: KnownParts = new WeakMap();
  readonly #headers = new Map<string, { readonly key: string; readonly bytes: Buffer }>();
  last: Exposition | undefined;
  usedAt = 0;

  constructor(format: ExpositionFormat) {
    this.format = format;
    this.blocks = new BlockCache(format.blocks);
  }

  /** @param refs one for each block of the family */
  pieces(family: FamilySnapshot, refs: readonly BufferRef[]): readonly ExpositionPiece[] {
    const pieces = family.blocks.flatMap((view, i) => this.#viewPieces(view, refs[i]));
    const bytes = this.format.sized ? pieces.reduce((sum, piece) => sum + piece.bytes.length, 0) : 0;
    const header = this.#header(family, bytes);
    return [{ bytes: header, weight: header.length, identity: header }, ...pieces];
  }

  #viewPieces({ state, runs }: BlockView, ref: BufferRef | undefined): readonly ExpositionPiece[] {
    if (ref === undefined) return [];
    const { bytes, rendered } = ref;
    if (runs === undefined) return [{ bytes, weight: state.weight, identity: ref, block: state.block }];
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

/** Divides work into slices between which the event loop runs. */
class TimeSlices {
  readonly #options: RendererOptions;
  readonly #wanted: () => boolean;
  #start: number;

  constructor(options: RendererOptions, wanted: () => boolean) {
    this.#options = options;
    this.#wanted = wanted;
    this.#start = options.monotonic();
  }

  spent(): boolean {
    return this.#options.monotonic() - this.#start >= SLICE_MS;
  }

  /** @throws Error when no client waits for the result any longer */
  async yieldToEventLoop(): Promise<void> {
    await this.#options.pause();
    if (!this.#wanted()) throw new Error('the last client that waited for this rendering disconnected');
    this.#start = this.#options.monotonic();
  }
}
