import type { Clock } from '../domain/clock.ts';
import { CollectorError } from './collector.ts';
import { errnoText } from './errno.ts';
import { StatfsChild } from './statfs-process.ts';
import type { StatfsReply } from './statfs-worker.ts';
import { MOUNT_TIMEOUT, type StatfsResult } from './statfs.ts';

export interface StatfsClientOptions {
  /** The compiled `statfs-child.js`. */
  readonly child: string;
  readonly clock: Clock;
  /** How long one mount may take, milliseconds: well below the deadline of a scrape. */
  readonly limitMs?: number;
}

const LIMIT_MS = 2_000;
/** Beyond the limit: what the child may take to start and to answer on a busy machine. */
const GRACE_MS = 1_000;
const RESTART_MS = 5_000;
/** How long hung mounts are left alone after so many of them hung that the child had to go. */
const BENCH_MS = 60_000;
/** Killed children that the kernel does not let go of. */
const MAX_LINGERING = 4;

/** Implements `Statfs` with one long-lived child process, replaced when it does not answer or all its threads hang. */
export class StatfsClient {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #limitMs: number;
  #child: StatfsChild | undefined;
  #notBefore = -Infinity;
  #lingering = 0;
  #closed = false;
  readonly #benched = new Map<string, number>();

  constructor({ child, clock, limitMs = LIMIT_MS }: StatfsClientOptions) {
    this.#path = child;
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  async stat(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, StatfsResult>> {
    const results = new Map<string, StatfsResult>();
    let asked = this.#leaveOutBenched(paths, results);
    while (asked.length > 0) {
      const child = this.#current();
      const replies = await this.#ask(child, asked, signal);
      const queued: string[] = [];
      const hung: string[] = [];
      asked.forEach((path, i) => {
        const reply = replies[i] ?? 'queued';
        if (reply === 'queued') queued.push(path);
        else results.set(path, toResult(reply));
        if (reply === 'hung') hung.push(path);
      });
      if (queued.length > 0) this.#replaceExhausted(child, hung);
      asked = queued;
    }
    return results;
  }

  /** Ends the child. Waits for it, though not for ever: the kernel may hold it. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill();
    // A timer that keeps the process alive, unlike the clock's: what comes after closing must still happen.
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GRACE_MS);
      void child.ended.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #leaveOutBenched(paths: readonly string[], results: Map<string, StatfsResult>): string[] {
    const now = this.#clock.monotonic();
    return [...new Set(paths)].filter((path) => {
      const until = this.#benched.get(path);
      if (until === undefined) return true;
      if (until <= now) return this.#benched.delete(path);
      results.set(path, { error: MOUNT_TIMEOUT });
      return false;
    });
  }

  #current(): StatfsChild {
    if (this.#child !== undefined) return this.#child;
    if (this.#closed) throw new CollectorError('the statfs child is closed');
    const now = this.#clock.monotonic();
    if (now < this.#notBefore)
      throw new CollectorError(`the statfs child ${this.#path} ended by itself; it is started again later`);
    if (this.#lingering >= MAX_LINGERING) {
      throw new CollectorError(
        `${this.#lingering} statfs children hang in the kernel: find the mount that does not answer`,
      );
    }
    const child = new StatfsChild(this.#path);
    this.#child = child;
    void child.ended.then(() => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#notBefore = this.#clock.monotonic() + RESTART_MS;
    });
    return child;
  }

  async #ask(
    child: StatfsChild,
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly StatfsReply[]> {
    const limitMs = this.#limitMs;
    let settled = false;
    return await new Promise((resolve, reject) => {
      const abort = (): void => reject(new CollectorError('the scrape ended before the mounts answered'));
      const giveUp = (): void => {
        if (settled) return;
        reject(
          new CollectorError(
            `the statfs child did not answer within ${limitMs + GRACE_MS} ms; it is replaced`,
          ),
        );
        this.#retire(child);
      };
      // A late timer may mean that this process was starved: an answer that has arrived meanwhile is read first.
      const cancel = this.#clock.after(limitMs + GRACE_MS, () => setImmediate(giveUp));
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      const settle = (): void => {
        settled = true;
        cancel();
        signal.removeEventListener('abort', abort);
      };
      void child.ask(paths, limitMs).then(resolve, reject).finally(settle);
    });
  }

  #replaceExhausted(child: StatfsChild, hung: readonly string[]): void {
    const until = this.#clock.monotonic() + BENCH_MS;
    for (const path of hung) this.#benched.set(path, until);
    this.#retire(child);
  }

  #retire(child: StatfsChild): void {
    if (this.#child === child) this.#child = undefined;
    this.#lingering++;
    child.kill();
    void child.ended.then(() => this.#lingering--);
  }
}

function toResult(reply: Exclude<StatfsReply, 'queued'>): StatfsResult {
  if (reply === 'hung') return { error: MOUNT_TIMEOUT };
  if (typeof reply === 'number') return { error: errnoText(reply) };
  const [bsize, blocks, bfree, bavail, files, ffree] = reply;
  return { bsize, blocks, bfree, bavail, files, ffree };
}
