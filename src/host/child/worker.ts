import { ended, firstOf } from '../../domain/cancellation.ts';
import type { Clock, MonotonicMs } from '../../domain/clock.ts';
import type { ProcessCounts } from '../collectors/cpu/process-count.ts';

/** bsize, blocks, bfree, bavail, files, ffree. */
export type PackedUsage = readonly [number, number, number, number, number, number];

/** The calls that the child can make with a path, and their results. */
export interface CallResults {
  readonly statfs: PackedUsage;
  /** The text of a small file. */
  readonly read: { readonly text: string };
  /** The processes under a /proc. */
  readonly processes: ProcessCounts;
}

export type CallKind = keyof CallResults;

/** A request of the parent. */
export interface ChildRequest {
  readonly id: number;
  readonly kind: CallKind;
  readonly paths: readonly string[];
  /** How long the answer may take, and one call before it counts as hung. */
  readonly limitMs: number;
}

/** A result; an error number (errno, positive); `hung`: the call does not return; `queued`: all threads hang. */
export type ChildReply<K extends CallKind = CallKind> = CallResults[K] | number | 'hung' | 'queued';

export interface ChildAnswer<K extends CallKind = CallKind> {
  readonly id: number;
  /** One for each path of the request, in that order. */
  readonly replies: readonly ChildReply<K>[];
  /** The calls (by `callKey`) that occupy all threads; empty while there are free threads. */
  readonly stuck: readonly string[];
}

/** The kind and path of a call, as one text. */
export function callKey(kind: CallKind, path: string): string {
  return `${kind} ${path}`;
}

/** How many calls can be in progress at once: the child's thread pool has this size. */
export const CHILD_THREADS = 16;

/** Makes one call, which may never settle. */
export type Calls = {
  readonly [K in CallKind]: (path: string) => Promise<CallResults[K] | number>;
};

export interface ChildWorkerOptions {
  readonly calls: Calls;
  readonly threads: number;
  readonly clock: Clock;
}

interface Call {
  readonly kind: CallKind;
  readonly path: string;
  readonly settled: Promise<void>;
  readonly settle: () => void;
  startedAt?: MonotonicMs;
  reply?: ChildReply;
}

/**
 * Keeps at most one call per kind and path in progress, and never waits again for one that hangs. This is the only
 * state of the child, and it recovers by itself when the call returns.
 */
export class ChildWorker {
  readonly #options: ChildWorkerOptions;
  readonly #calls = new Map<string, Call>();
  readonly #queue: Call[] = [];
  #running = 0;

  constructor(options: ChildWorkerOptions) {
    this.#options = options;
  }

  /** Answers within the request's limit, whatever the paths do. */
  async answer({ id, kind, paths, limitMs }: ChildRequest): Promise<ChildAnswer> {
    const { clock } = this.#options;
    const now = clock.monotonic();
    const calls = paths.map((path) => this.#call(kind, path));
    const fresh = calls.filter(({ startedAt }) => startedAt === undefined || now - startedAt < limitMs);
    await firstOf(ended(Promise.all(fresh.map(({ settled }) => settled))), (happened) =>
      clock.after(limitMs, happened),
    );
    const replies = calls.map(
      ({ reply, startedAt }) => reply ?? (startedAt === undefined ? 'queued' : 'hung'),
    );
    return { id, replies, stuck: replies.includes('queued') ? this.#runningCalls() : [] };
  }

  #runningCalls(): string[] {
    return [...this.#calls].flatMap(([key, { startedAt }]) => (startedAt === undefined ? [] : [key]));
  }

  #call(kind: CallKind, path: string): Call {
    const key = callKey(kind, path);
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const call: Call = { kind, path, settled, settle };
    this.#calls.set(key, call);
    this.#queue.push(call);
    this.#startQueued();
    return call;
  }

  #startQueued(): void {
    while (this.#running < this.#options.threads) {
      const call = this.#queue.shift();
      if (call === undefined) return;
      void this.#run(call);
    }
  }

  async #run(call: Call): Promise<void> {
    this.#running++;
    call.startedAt = this.#options.clock.monotonic();
    call.reply = await this.#options.calls[call.kind](call.path);
    this.#running--;
    this.#calls.delete(callKey(call.kind, call.path));
    call.settle();
    this.#startQueued();
  }
}
