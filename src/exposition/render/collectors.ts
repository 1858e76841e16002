/** Updates some series when a scrape asks for them. */
export interface ScrapeCollector {
  /** What `collect[]` selects it by. */
  readonly name: string;
  /** Writes into its group. A driver that can be stopped stops when the signal aborts. */
  collect(signal: AbortSignal): Promise<void> | void;
  /** Called when a snapshot is made without it: removes series that would be stale, and reports that in its own series. */
  leaveOut(): void;
}

export type CollectorFailure = (collector: string, error: unknown) => void;

/** One call of `collect`, shared by all collections that want it while it runs. */
class CollectorRun {
  readonly #controller = new AbortController();
  readonly settled: Promise<void>;
  #users = 0;

  constructor(collector: ScrapeCollector, onFailure: CollectorFailure) {
    this.settled = this.#run(collector, onFailure);
  }

  /** Whether it still runs although no collection waits for it. */
  get abandoned(): boolean {
    return this.#controller.signal.aborted;
  }

  join(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#controller.abort();
  }

  async #run(collector: ScrapeCollector, onFailure: CollectorFailure): Promise<void> {
    try {
      await collector.collect(this.#controller.signal);
    } catch (error) {
      if (!this.abandoned) onFailure(collector.name, error);
      this.#leaveOut(collector, onFailure);
    }
  }

  #leaveOut(collector: ScrapeCollector, onFailure: CollectorFailure): void {
    try {
      collector.leaveOut();
    } catch (error) {
      onFailure(collector.name, error);
    }
  }
}

/** Runs collectors; no collector runs twice at the same time, however many scrapes want it. */
export class CollectorPool {
  readonly #running = new Map<ScrapeCollector, CollectorRun>();
  readonly #onFailure: CollectorFailure;

  constructor(onFailure: CollectorFailure) {
    this.#onFailure = onFailure;
  }

  /** The current run, or a new one; undefined while an abandoned run has not ended. */
  run(collector: ScrapeCollector): CollectorRun | undefined {
    const running = this.#running.get(collector);
    if (running !== undefined) return running.abandoned ? undefined : running;
    const run = new CollectorRun(collector, this.#onFailure);
    this.#running.set(collector, run);
    void run.settled.then(() => this.#running.delete(collector));
    return run;
  }
}

/** The collectors that a snapshot waits for. */
export class Collection {
  /** Fulfilled when every collector that could run has ended. */
  readonly complete: Promise<void>;
  /** Collectors that have not ended, with their run once it has begun. */
  readonly #pending: Map<ScrapeCollector, CollectorRun | undefined>;
  #givenUp = false;

  /** @param turn the collection begins when this is fulfilled */
  constructor(pool: CollectorPool, collectors: readonly ScrapeCollector[], turn: Promise<void>) {
    this.#pending = new Map(collectors.map((collector) => [collector, undefined]));
    this.complete = this.#collect(pool, turn);
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** Removes the series of collectors that are late, for a snapshot that cannot wait. */
  leaveOutPending(): void {
    for (const collector of this.#pending.keys()) collector.leaveOut();
  }

  /** No scrape waits any longer: collectors that still run may stop. */
  giveUp(): void {
    this.#givenUp = true;
    for (const run of this.#pending.values()) run?.leave();
    this.#pending.clear();
  }

  async #collect(pool: CollectorPool, turn: Promise<void>): Promise<void> {
    await turn;
    if (this.#givenUp) return;
    await Promise.all([...this.#pending.keys()].map((collector) => this.#runOne(pool, collector)));
  }

  async #runOne(pool: CollectorPool, collector: ScrapeCollector): Promise<void> {
    const run = pool.run(collector);
    if (run === undefined) {
      collector.leaveOut();
    } else {
      run.join();
      this.#pending.set(collector, run);
      await run.settled;
    }
    this.#pending.delete(collector);
  }
}
