import { setImmediate } from 'node:timers/promises';
import { ended, firstOf, onAbort, orAborted } from '../../domain/cancellation.ts';
import type { Clock } from '../../domain/clock.ts';
import { Collection, CollectorPool, type ScrapeCollector, type CollectorFailure } from './collectors.ts';
import type { FormatChoice } from '../formats/formats.ts';
import type { Encoding } from '../formats/negotiate.ts';
import { ExpositionRenderer } from './exposition-renderer.ts';
import { SnapshotExpositions, type ScrapeBody } from './snapshot-expositions.ts';
import type { SeriesTable } from '../table/series-table.ts';

export interface ScrapeSourceOptions {
  readonly table: SeriesTable;
  readonly collectors: readonly ScrapeCollector[];
  readonly clock: Clock;
  /** A collector threw, which is a bug: collectors report expected failures in their series. */
  readonly onCollectorFailure: CollectorFailure;
  /** A scrape joined a running collection. */
  readonly onCoalesced: () => void;
  readonly onRendered: (seconds: number) => void;
  /** Whether histograms carry their native form where the format has one; asked at each scrape. Default: no. */
  readonly native?: () => boolean;
  /** Yields to the event loop while rendering. Default: `setImmediate`. */
  readonly pause?: () => Promise<void>;
}

/** After a collection and rendering of at most this long, the next one may begin at once. */
const NO_WAIT_MS = 5;
const MAX_WAIT_MS = 50;

/** What one scrape asks for. */
export interface ScrapeRequest {
  /** Milliseconds from now after which it is answered without the collectors that have not ended. */
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
 * Answers scrapes with the state of the table after its collectors ran. Scrapes that arrive during a collection join it,
 * until it ends or the first of them reaches its deadline; rendering and compression are shared by all of them.
 * A collection begins when the previous rendering is done: however many scrapes there are, one rendering runs at a time.
 */
export class ScrapeSource {
  readonly #options: ScrapeSourceOptions;
  readonly #pool: CollectorPool;
  readonly #renderer: ExpositionRenderer;
  /** Collections that can be joined, by the collectors in them. */
  readonly #joinable = new Map<string, SharedCollection>();
  #rendering: Promise<unknown> = Promise.resolve();
  /** Monotonic milliseconds of the start of the last collection, and of the end of its rendering. */
  #collectionStartedAt = 0;
  #renderingEndedAt = 0;

  constructor(options: ScrapeSourceOptions) {
    this.#options = options;
    this.#pool = new CollectorPool(options.onCollectorFailure);
    this.#renderer = new ExpositionRenderer({
      monotonic: () => options.clock.monotonic(),
      pause: options.pause ?? (() => setImmediate()),
    });
  }

  /** The names that `collect[]` accepts. */
  get collectorNames(): readonly string[] {
    return this.#options.collectors.map(({ name }) => name);
  }

  /**
   * Collects (or joins), renders and compresses.
   * @throws any error when the client disconnected; the error of a rendering that failed
   */
  async scrape(scrape: ScrapeRequest): Promise<ScrapeBody> {
    scrape.signal.throwIfAborted();
    const shared = this.#joinOrStart(scrape.collectors);
    try {
      const snapshot = await shared.snapshotFor(scrape);
      const body = snapshot.body(scrape.format, scrape.encoding, scrape.names);
      return await orAborted(body, scrape.signal).catch((error: unknown) => {
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

  #joinOrStart(names: ReadonlySet<string> | undefined): SharedCollection {
    const key = names === undefined ? '' : JSON.stringify([...names].sort());
    const open = this.#joinable.get(key);
    if (open !== undefined) {
      this.#options.onCoalesced();
      open.join();
      return open;
    }
    const wanted = this.#options.collectors.filter(({ name }) => names?.has(name) ?? true);
    const close = () => {
      if (this.#joinable.get(key) === shared) this.#joinable.delete(key);
    };
    const shared: SharedCollection = new SharedCollection({
      collection: new Collection(this.#pool, wanted, this.#waitForTurn()),
      takeSnapshot: (stillWanted) => this.#takeSnapshot(names, stillWanted),
      clock: this.#options.clock,
      close,
    });
    this.#joinable.set(key, shared);
    return shared;
  }

  /** Fulfilled when the next collection may begin: after the previous rendering and a pause. Scrapes may join until then. */
  async #waitForTurn(): Promise<void> {
    await this.#rendering;
    await this.#waitAfterRendering();
    await setImmediate();
    this.#collectionStartedAt = this.#options.clock.monotonic();
  }

  /**
   * Waits about as long as the last collection and rendering took: however many clients scrape, about half of the time
   * is left for other work, such as sending what was rendered.
   */
  async #waitAfterRendering(): Promise<void> {
    const { clock } = this.#options;
    const until =
      this.#renderingEndedAt +
      Math.min(this.#renderingEndedAt - this.#collectionStartedAt - NO_WAIT_MS, MAX_WAIT_MS);
    const restMs = until - clock.monotonic();
    if (restMs > 0) await firstOf((happened) => clock.after(restMs, happened));
  }

  #takeSnapshot(collectors: ReadonlySet<string> | undefined, wanted: () => boolean): SnapshotExpositions {
    const { table, clock, onRendered, native = () => false } = this.#options;
    return new SnapshotExpositions(table.snapshot(collectors), collectors === undefined, {
      renderer: this.#renderer,
      monotonic: () => clock.monotonic(),
      native,
      onRendered,
      wanted,
      onRendering: (done) => {
        // `then` drops the results, which would otherwise keep every exposition alive
        this.#rendering = Promise.allSettled([this.#rendering, done]).then(() => {
          this.#renderingEndedAt = clock.monotonic();
        });
      },
    });
  }
}

interface SharedCollectionOptions {
  readonly collection: Collection;
  readonly takeSnapshot: (wanted: () => boolean) => SnapshotExpositions;
  readonly clock: Clock;
  /** Ends joining. */
  readonly close: () => void;
}

/** A collection and the scrapes that wait for it, each until its own deadline. */
class SharedCollection {
  readonly #options: SharedCollectionOptions;
  #waiting = 1;
  readonly #snapshots: SnapshotExpositions[] = [];
  #complete: SnapshotExpositions | undefined;
  #partial: { readonly snapshot: SnapshotExpositions; readonly pending: number } | undefined;

  constructor(options: SharedCollectionOptions) {
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
    for (const snapshot of this.#snapshots.splice(0)) snapshot.close();
  }

  async snapshotFor({ waitMs, signal }: ScrapeRequest): Promise<SnapshotExpositions> {
    const { collection, clock, close } = this.#options;
    await firstOf(
      ended(collection.complete),
      (happened) => clock.after(waitMs, happened),
      (happened) => onAbort(signal, happened),
    );
    signal.throwIfAborted();
    close();
    if (collection.pending > 0) return this.#withoutPending();
    this.#complete ??= this.#takeSnapshot();
    return this.#complete;
  }

  /** A snapshot without the pending collectors, shared by all scrapes that time out before another collector ends. */
  #withoutPending(): SnapshotExpositions {
    const { collection } = this.#options;
    const last = this.#partial;
    if (last?.pending === collection.pending) return last.snapshot;
    collection.leaveOutPending();
    const snapshot = this.#takeSnapshot();
    this.#partial = { snapshot, pending: collection.pending };
    return snapshot;
  }

  #takeSnapshot(): SnapshotExpositions {
    const snapshot = this.#options.takeSnapshot(() => this.#waiting > 0);
    this.#snapshots.push(snapshot);
    return snapshot;
  }
}
