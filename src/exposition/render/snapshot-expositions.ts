import type { MonotonicMs } from '../../domain/clock.ts';
import type { FormatChoice } from '../formats/formats.ts';
import type { Encoding } from '../formats/negotiate.ts';
import type { ExpositionRenderer } from './exposition-renderer.ts';
import type { Exposition } from './exposition.ts';
import type { TableSnapshot } from '../table/series-table.ts';

/** The answer to a scrape. */
export interface ScrapeBody {
  /** At most 64 KiB each, shared with others: not to be written to. */
  readonly chunks: readonly Buffer[];
  /** Call when the chunks are no longer read, so that their memory can be reused. May be called more than once. */
  readonly release: () => void;
}

export interface SnapshotExpositionsOptions {
  readonly renderer: ExpositionRenderer;
  readonly monotonic: () => MonotonicMs;
  /** Whether histograms carry their native form where the format has one. */
  readonly native: () => boolean;
  /** Called with the seconds each rendering took, time spent waiting for the event loop included. */
  readonly onRendered: (seconds: number) => void;
  /** Whether a client still waits. */
  readonly wanted: () => boolean;
  /** Called when a rendering begins. */
  readonly onRendering: (done: Promise<unknown>) => void;
}

/** The expositions of one snapshot: each requested format and selection of families is rendered and compressed once. */
export class SnapshotExpositions {
  readonly #options: SnapshotExpositionsOptions;
  readonly #snapshot: TableSnapshot;
  readonly #whole: boolean;
  readonly #expositions = new Map<string, Promise<Exposition>>();

  /** @param whole whether the snapshot has all series of the table */
  constructor(snapshot: TableSnapshot, whole: boolean, options: SnapshotExpositionsOptions) {
    this.#options = options;
    this.#snapshot = snapshot;
    this.#whole = whole;
  }

  /** Must be called before `close`, and its promise may be fulfilled after. */
  async body(
    format: FormatChoice,
    encoding: Encoding,
    names: ReadonlySet<string> | undefined,
  ): Promise<ScrapeBody> {
    const exposition = await this.#exposition(format, names);
    exposition.retain();
    try {
      const chunks = encoding === 'gzip' ? await exposition.gzip(this.#options.wanted) : exposition.chunks;
      return { chunks, release: once(() => exposition.release()) };
    } catch (error) {
      exposition.release();
      throw error;
    }
  }

  /** Ends the use of this snapshot; bodies that were handed out stay valid. */
  close(): void {
    for (const exposition of this.#expositions.values()) {
      exposition.then(
        (rendered) => rendered.release(),
        () => undefined,
      );
    }
    this.#expositions.clear();
  }

  #exposition(format: FormatChoice, names: ReadonlySet<string> | undefined): Promise<Exposition> {
    const key = JSON.stringify([format.name, format.escaping, names && [...names].sort()]);
    const known = this.#expositions.get(key);
    if (known !== undefined) return known;
    const exposition = this.#render(format, names);
    this.#expositions.set(key, exposition);
    this.#options.onRendering(exposition);
    return exposition;
  }

  async #render(format: FormatChoice, names: ReadonlySet<string> | undefined): Promise<Exposition> {
    const { renderer, native, wanted, monotonic, onRendered } = this.#options;
    const { families, legacy } = this.#snapshot;
    const start = monotonic();
    const snapshot =
      names === undefined
        ? this.#snapshot
        : { families: families.filter(({ family }) => names.has(family.name)), legacy };
    const whole = this.#whole && names === undefined;
    const exposition = await renderer.render(snapshot, { format, native: native(), whole, wanted });
    onRendered((monotonic() - start) / 1_000);
    return exposition;
  }
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}
