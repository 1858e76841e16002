import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../domain/clock.ts';
import { Collection, CollectorPool, type Collector, type CollectorFailure } from './collection.ts';
import type { FormatChoice } from './formats.ts';
import type { Encoding } from './negotiate.ts';
import { Renderer } from './renderer.ts';
import { RenderedSnapshot, type Body } from './rendering.ts';
import type { SeriesTable } from './table.ts';

export type { Body, Collector };

export interface SnapshotSourceOptions {
  readonly table: SeriesTable;
  readonly collectors: readonly Collector[];
  readonly clock: Clock;
  /** A collector threw: a bug, for collectors report what they expect in their series. */
  readonly onCollectorFailure: CollectorFailure;
  /** A scrape joined a collection that was going on. */
  readonly onCoalesced: () => void;
  readonly onRendered: (seconds: number) => void;
  /** Whether histograms carry their native form where the format has one; asked at each scrape. No. */
  readonly native?: () => boolean;
  /** Gives the event loop back while rendering: `setImmediate`. */
  readonly pause?: () => Promise<void>;
}

/** A collection that takes no longer needs no rest after it. */
const FREE_MS = 5;
const LONGEST_REST_MS = 50;

/** What one scrape wants. */
export interface Scrape {
  /** Milliseconds from now after which it takes what there is. */
  readonly waitMs: number;
  readonly format: FormatChoice;
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
  readonly #renderer: Renderer;
  /** Collections that can be joined, by the collectors in them. */
  readonly #open = new Map<string, SharedSnapshot>();
  #rendering: Promise<unknown> = Promise.resolve();
  /** When the last collection began, and when its rendering was done. */
  #began = 0;
  #ended = 0;

  constructor(options: SnapshotSourceOptions) {
    this.#options = options;
    this.#pool = new CollectorPool(options.onCollectorFailure);
    this.#renderer = new Renderer({
      monotonic: () => options.clock.monotonic(),
      pause: options.pause ?? (() => setImmediate()),
    });
  }

  /** What `collect[]` may name. */
  get collectorNames(): readonly string[] {
    return this.#options.collectors.map(({ name }) => name);
  }

  /**
   * Collects (or joins), renders and compresses.
   * @throws the signal's reason when the client went away; whatever made rendering fail
   */
  async scrape(scrape: Scrape): Promise<Body> {
    scrape.signal.throwIfAborted();
    const shared = this.#joinOrStart(scrape.collectors);
    try {
      const snapshot = await shared.ready(scrape);
      const body = snapshot.body(scrape.format, scrape.encoding, scrape.names);
      return await untilAborted(body, scrape.signal).catch((error: unknown) => {
        body.then(
          ({ release }) => release(),
          () => undefined,
        );
        throw error;
      });
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

  /** When a collection may begin: after the rendering before it, and a rest. Lets in who asks until then. */
  async #turn(): Promise<void> {
    await this.#rendering;
    await this.#rest();
    await setImmediate();
    this.#began = this.#options.clock.monotonic();
  }

  /**
   * As long as the last collection and rendering took, the first few milliseconds left out: however many scrape, about
   * half of the time is left for what else there is to do, such as sending what was rendered.
   */
  async #rest(): Promise<void> {
    const { clock } = this.#options;
    const until = this.#ended + Math.min(this.#ended - this.#began - FREE_MS, LONGEST_REST_MS);
    const restMs = until - clock.monotonic();
    if (restMs > 0) await new Promise<void>((resolve) => void clock.after(restMs, resolve));
  }

  #take(collectors: ReadonlySet<string> | undefined, wanted: () => boolean): RenderedSnapshot {
    const { table, clock, onRendered, native = () => false } = this.#options;
    return new RenderedSnapshot(table.snapshot(collectors), collectors === undefined, {
      renderer: this.#renderer,
      monotonic: () => clock.monotonic(),
      native,
      onRendered,
      wanted,
      onRendering: (done) => {
        // without their results, which would keep every rendering for ever
        this.#rendering = Promise.allSettled([this.#rendering, done]).then(() => {
          this.#ended = clock.monotonic();
        });
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
  readonly #taken: RenderedSnapshot[] = [];
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
    for (const snapshot of this.#taken.splice(0)) snapshot.close();
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
    const snapshot = this.#options.take(() => this.#waiting > 0);
    this.#taken.push(snapshot);
    return snapshot;
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
