import type { FormatChoice } from './formats.ts';
import type { Encoding } from './negotiate.ts';
import type { Renderer } from './renderer.ts';
import type { Rendition } from './rendition.ts';
import type { TableSnapshot } from './table.ts';

/** The answer to a scrape. */
export interface Body {
  /** At most 64 KiB each, shared with others: not to be written to. */
  readonly chunks: readonly Buffer[];
  /** To be called when the chunks are not read any more, so that their memory can be used again; once or more often. */
  readonly release: () => void;
}

export interface SnapshotRenderingOptions {
  readonly renderer: Renderer;
  readonly monotonic: () => number;
  /** Whether histograms carry their native form where the format has one. */
  readonly native: () => boolean;
  /** Told the seconds that each rendering took (waiting for the event loop included). */
  readonly onRendered: (seconds: number) => void;
  /** Whether anybody still waits. */
  readonly wanted: () => boolean;
  /** Told of each rendering that begins. */
  readonly onRendering: (done: Promise<unknown>) => void;
}

/** The table at one moment, with each wanted format and selection of families rendered once and compressed once. */
export class RenderedSnapshot {
  readonly #options: SnapshotRenderingOptions;
  readonly #snapshot: TableSnapshot;
  readonly #whole: boolean;
  readonly #renditions = new Map<string, Promise<Rendition>>();

  /** @param whole whether the snapshot has all series of the table */
  constructor(snapshot: TableSnapshot, whole: boolean, options: SnapshotRenderingOptions) {
    this.#options = options;
    this.#snapshot = snapshot;
    this.#whole = whole;
  }

  /** Must be called before `close`, and its promise may be fulfilled after. */
  async body(
    format: FormatChoice,
    encoding: Encoding,
    names: ReadonlySet<string> | undefined,
  ): Promise<Body> {
    const rendition = await this.#rendition(format, names);
    rendition.take();
    try {
      const chunks = encoding === 'gzip' ? await rendition.gzip(this.#options.wanted) : rendition.chunks;
      return { chunks, release: once(() => rendition.leave()) };
    } catch (error) {
      rendition.leave();
      throw error;
    }
  }

  /** Nobody asks for more; bodies that were given stay as they are. */
  close(): void {
    for (const rendition of this.#renditions.values()) {
      rendition.then(
        (rendered) => rendered.leave(),
        () => undefined,
      );
    }
    this.#renditions.clear();
  }

  #rendition(format: FormatChoice, names: ReadonlySet<string> | undefined): Promise<Rendition> {
    const key = JSON.stringify([format.name, format.escaping, names && [...names].sort()]);
    const known = this.#renditions.get(key);
    if (known !== undefined) return known;
    const rendition = this.#render(format, names);
    this.#renditions.set(key, rendition);
    this.#options.onRendering(rendition);
    return rendition;
  }

  async #render(format: FormatChoice, names: ReadonlySet<string> | undefined): Promise<Rendition> {
    const { renderer, native, wanted, monotonic, onRendered } = this.#options;
    const { families, legacy } = this.#snapshot;
    const start = monotonic();
    const snapshot =
      names === undefined
        ? this.#snapshot
        : { families: families.filter(({ family }) => names.has(family.name)), legacy };
    const whole = this.#whole && names === undefined;
    const rendition = await renderer.render(snapshot, { format, native: native(), whole, wanted });
    onRendered((monotonic() - start) / 1_000);
    return rendition;
  }
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}
