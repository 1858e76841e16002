import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../domain/clock.ts';
import { Collection, CollectorPool, type Collector, type CollectorFailure } from './collection.ts';
import type { Encoding } from './negotiate.ts';
import { Rendering } from './rendering.ts';
import type { SeriesTable, TableSnapshot } from './table.ts';

export type { Collector };

export interface SnapshotSourceOptions {
  readonly table: SeriesTable;
  readonly collectors: readonly Collector[];
  /** Families kept elsewhere, in the same format: all of them, or those that are named. Left out under `collect[]`. */
  readonly extra: (names?: ReadonlySet<string>) => Promise<string>;
  readonly clock: Clock;
  /** A collector threw: a bug, for collectors report what they expect in their series. */
  readonly onCollectorFailure: CollectorFailure;
  /** A scrape joined a collection that was going on. */
  readonly onCoalesced: () => void;
  readonly onRendered: (seconds: number) => void;
}

/** What one scrape wants. */
export interface Scrape {
  /** Milliseconds from now after which it takes what there is. */
  readonly waitMs: number;
  readonly encoding: Encoding;
  /** Only these families. */
  readonly names?: ReadonlySet<string>;
  /** Only the series of these collectors; others are not even run. Each must be one of `collectorNames`. */
  readonly collectors?: ReadonlySet<string>;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/**
 * Gives scrapes the state of the table after its collectors ran. Scrapes that arrive while a collection goes on join it,
 * until it ends or the first of them can wait no longer; rendering and compression are shared by all who joined.
 * A collection begins when the rendering before it is done: however many scrape, one rendering goes on at a time.
 */
export class SnapshotSource {
  readonly #options: SnapshotSourceOptions;
  readonly #pool: CollectorPool;
  /** Collections that can be joined, by the collectors in them. */
  readonly #open = new Map<string, SharedSnapshot>();
  #rendering: Promise<unknown> = Promise.resolve();

  constructor(options: SnapshotSourceOptions) {
    this.#options = options;
    this.#pool = new CollectorPool(options.onCollectorFailure);
  }

  /** What `collect[]` may name. */
  get collectorNames(): readonly string[] {
    return this.#options.collectors.map(({ name }) => name);
  }

  /**
   * Collects (or joins), renders and compresses.
   * @returns the body in chunks of at most 64 KiB, shared with others: not to be written to
   * @throws the signal's reason when the client went away; whatever made rendering fail
   */
  async scrape(scrape: Scrape): Promise<readonly Buffer[]> {
    scrape.signal.throwIfAborted();
    const shared = this.#joinOrStart(scrape.collectors);
    try {
      const snapshot = await shared.ready(scrape);
      return await untilAborted(snapshot.render(scrape.names).chunks(scrape.encoding), scrape.signal);
    } finally {
      shared.leave();
    }
  }

  #joinOrStart(names: ReadonlySet<string> | undefined): SharedSnapshot {
    const key = names === undefined ? '' : JSON.stringify([...names].sort());
    const open = this.#open.get(key);
    if (open !== undefined) {
      this.#options.onCoalesced();
      open.join();
      return open;
    }
    const wanted = this.#options.collectors.filter(({ name }) => names?.has(name) ?? true);
    const close = () => {
      if (this.#open.get(key) === shared) this.#open.delete(key);
    };
    const shared: SharedSnapshot = new SharedSnapshot({
      collection: new Collection(this.#pool, wanted, this.#turn()),
      take: (stillWanted) => this.#take(names, stillWanted),
      clock: this.#options.clock,
      close,
    });
    this.#open.set(key, shared);
    return shared;
  }

  /** Also lets in who is asking in the same turn of the event loop. */
  async #turn(): Promise<void> {
    await this.#rendering;
    await setImmediate();
  }

  #take(collectors: ReadonlySet<string> | undefined, stillWanted: () => boolean): RenderedSnapshot {
    return new RenderedSnapshot(this.#options, {
      collectors,
      stillWanted,
      onRendering: (rendering) => {
        this.#rendering = Promise.allSettled([this.#rendering, rendering.chunks('identity')]);
      },
    });
  }
}

interface SharedOptions {
  readonly collection: Collection;
  readonly take: (wanted: () => boolean) => RenderedSnapshot;
  readonly clock: Clock;
  /** Nobody may join from now on. */
  readonly close: () => void;
}

/** A collection and those who wait for it, each until its own deadline. */
class SharedSnapshot {
  readonly #options: SharedOptions;
  #waiting = 1;
  #complete: RenderedSnapshot | undefined;
  #partial: { readonly snapshot: RenderedSnapshot; readonly pending: number } | undefined;

  constructor(options: SharedOptions) {
    this.#options = options;
    void options.collection.complete.then(options.close);
  }

  join(): void {
    this.#waiting += 1;
  }

  leave(): void {
    this.#waiting -= 1;
    if (this.#waiting > 0) return;
    this.#options.close();
    this.#options.collection.giveUp();
  }

  async ready({ waitMs, signal }: Scrape): Promise<RenderedSnapshot> {
    const { collection, clock, close } = this.#options;
    let cancelTimer: () => void = () => undefined;
    const late = new Promise<void>((resolve) => {
      cancelTimer = clock.after(waitMs, resolve);
    });
    try {
      await untilAborted(Promise.race([collection.complete, late]), signal);
    } finally {
      cancelTimer();
    }
    close();
    if (collection.pending > 0) return this.#withoutLate();
    this.#complete ??= this.#take();
    return this.#complete;
  }

  /** Shared by those whose time is up while no further collector ended; all of them arrived before it was taken. */
  #withoutLate(): RenderedSnapshot {
    const { collection } = this.#options;
    const last = this.#partial;
    if (last?.pending === collection.pending) return last.snapshot;
    collection.leaveOutPending();
    const snapshot = this.#take();
    this.#partial = { snapshot, pending: collection.pending };
    return snapshot;
  }

  #take(): RenderedSnapshot {
    return this.#options.take(() => this.#waiting > 0);
  }
}

interface Selection {
  readonly collectors: ReadonlySet<string> | undefined;
  readonly stillWanted: () => boolean;
  readonly onRendering: (rendering: Rendering) => void;
}

/** The table at one moment, with each wanted selection of families rendered once. */
class RenderedSnapshot {
  readonly #options: SnapshotSourceOptions;
  readonly #selection: Selection;
  readonly #snapshot: TableSnapshot;
  readonly #renderings = new Map<string, Rendering>();

  constructor(options: SnapshotSourceOptions, selection: Selection) {
    this.#options = options;
    this.#selection = selection;
    this.#snapshot = options.table.snapshot(selection.collectors);
  }

  render(names: ReadonlySet<string> | undefined): Rendering {
    const key = names === undefined ? '' : JSON.stringify([...names].sort());
    const known = this.#renderings.get(key);
    if (known !== undefined) return known;
    const { clock, extra, onRendered } = this.#options;
    const { collectors, stillWanted, onRendering } = this.#selection;
    const families =
      names === undefined ? this.#snapshot : this.#snapshot.filter(({ name }) => names.has(name));
    const text = collectors === undefined ? () => extra(names) : () => Promise.resolve('');
    const rendering = new Rendering(families, text, {
      monotonic: () => clock.monotonic(),
      wanted: stillWanted,
      onRendered,
    });
    this.#renderings.set(key, rendering);
    onRendering(rendering);
    return rendering;
  }
}

/** The promise, or a rejection as soon as the signal aborts. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () =>
      reject(signal.reason instanceof Error ? signal.reason : new Error('the scrape was aborted'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
