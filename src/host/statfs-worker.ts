import type { Clock } from '../domain/clock.ts';

/** What the parent asks of its statfs child. */
export interface StatfsRequest {
  readonly id: number;
  readonly paths: readonly string[];
  /** How long the answer may take, and how long one call may take before it counts as hung. */
  readonly limitMs: number;
}

/** bsize, blocks, bfree, bavail, files, ffree. */
export type PackedUsage = readonly [number, number, number, number, number, number];

/** A usage; the number of an error (errno, positive); `hung`: the call does not return; `queued`: all threads hang. */
export type StatfsReply = PackedUsage | number | 'hung' | 'queued';

export interface StatfsAnswer {
  readonly id: number;
  /** One for each path asked, in that order. */
  readonly replies: readonly StatfsReply[];
}

/** How many calls can be under way at once: the child's thread pool has this size. */
export const STATFS_THREADS = 16;

export interface StatfsWorkerOptions {
  /** One call; it may never settle. */
  readonly statfs: (path: string) => Promise<PackedUsage | number>;
  readonly threads: number;
  readonly clock: Clock;
}

interface Call {
  readonly path: string;
  readonly settled: Promise<void>;
  readonly settle: () => void;
  startedAt?: number;
  reply?: PackedUsage | number;
}

/**
 * Keeps at most one call per path under way, and never waits again for one that hangs: this is the whole of the
 * child's knowledge, and it heals by itself when the call returns at last.
 */
export class StatfsWorker {
  readonly #options: StatfsWorkerOptions;
  readonly #calls = new Map<string, Call>();
  #running = 0;

  constructor(options: StatfsWorkerOptions) {
    this.#options = options;
  }

  /** Answers within the request's limit, whatever the mounts do. */
  async answer({ id, paths, limitMs }: StatfsRequest): Promise<StatfsAnswer> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const calls = paths.map((path) => this.#call(path));
    const fresh = calls.filter(({ startedAt }) => startedAt === undefined || now - startedAt < limitMs);
    await new Promise<void>((resolve) => {
      const cancel = clock.after(limitMs, resolve);
      void Promise.all(fresh.map(({ settled }) => settled)).then(() => {
        cancel();
        resolve();
      });
    });
    return {
      id,
      replies: calls.map(({ reply, startedAt }) => reply ?? (startedAt === undefined ? 'queued' : 'hung')),
    };
  }

  #call(path: string): Call {
    const known = this.#calls.get(path);
    if (known !== undefined) return known;
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const call: Call = { path, settled, settle };
    this.#calls.set(path, call);
    this.#startQueued();
    return call;
  }

  #startQueued(): void {
    for (const call of this.#calls.values()) {
      if (this.#running >= this.#options.threads) return;
      if (call.startedAt === undefined) void this.#run(call);
    }
  }

  async #run(call: Call): Promise<void> {
    this.#running++;
    call.startedAt = this.#options.clock.monotonic();
    call.reply = await this.#options.statfs(call.path);
    this.#running--;
    this.#calls.delete(call.path);
    call.settle();
    this.#startQueued();
  }
}
