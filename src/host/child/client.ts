import { ended, firstOf, onAbort } from '../../domain/cancellation.ts';
import type { Clock } from '../../domain/clock.ts';
import { HostChild } from './process.ts';
import { callKey, type CallKind, type CallResults, type ChildAnswer } from './worker.ts';
import { CollectorError } from '../collector.ts';
import { errnoText } from '../errno.ts';
import type { ProcessCounts } from '../collectors/cpu/process-count.ts';
import type { SlowText } from '../slow-read.ts';
import { MOUNT_TIMEOUT, type StatfsResult } from '../collectors/disk/statfs.ts';

export interface ChildClientOptions {
  /** The compiled `child.js`. */
  readonly child: string;
  readonly clock: Clock;
  /** How long one call may take, milliseconds: well below the deadline of a scrape. */
  readonly limitMs?: number;
}

type Settled<K extends CallKind> = CallResults[K] | number | 'hung';

const LIMIT_MS = 2_000;
/** Added to the limit: the child may take this long to start and to answer on a busy machine. */
const GRACE_MS = 1_000;
const RESTART_MS = 5_000;
/** How long hung paths are not tried again after so many of them hung that the child had to be replaced. */
const SUSPEND_MS = 60_000;
/** Killed children that have not ended, because the kernel is still in a call of theirs. */
const MAX_LINGERING = 4;

/**
 * Makes calls that may block in one long-lived child process, replaced when it does not answer or all its threads hang.
 * All methods reject with a CollectorError when no call could be made, or when the signal aborts.
 */
export class ChildClient {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #limitMs: number;
  #child: HostChild | undefined;
  #notBefore = -Infinity;
  #lingering = 0;
  #closed = false;
  /** Until when calls (by `callKey`) are not tried again. */
  readonly #suspended = new Map<string, number>();
  /** Children that were replaced because all their threads hung. */
  readonly #exhausted = new WeakSet<HostChild>();

  constructor({ child, clock, limitMs = LIMIT_MS }: ChildClientOptions) {
    this.#path = child;
    this.#clock = clock;
    this.#limitMs = limitMs;
  }

  /** Implements `Statfs`. */
  async stat(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, StatfsResult>> {
    return mapValues(await this.#call('statfs', paths, signal), toUsage);
  }

  /** Implements `ReadSlow`. */
  async read(paths: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, SlowText>> {
    return mapValues(await this.#call('read', paths, signal), toText);
  }

  /** Implements `CountProcesses`. */
  async countProcesses(procfs: string, signal: AbortSignal): Promise<ProcessCounts> {
    const counts = (await this.#call('processes', [procfs], signal)).get(procfs) ?? 'hung';
    if (counts === 'hung')
      throw new CollectorError(
        `the processes under ${procfs} could not be counted within ${this.#limitMs} ms`,
      );
    if (typeof counts === 'number') throw new CollectorError(`cannot list ${procfs}: ${errnoText(counts)}`);
    return counts;
  }

  /** Ends the child. Waits for its end, but not forever: the kernel may block it. */
  async close(): Promise<void> {
    this.#closed = true;
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill();
    // A timer that keeps the process alive, unlike the clock's: the steps after closing must still run.
    await firstOf(ended(child.ended), (happened) => {
      const timer = setTimeout(happened, GRACE_MS);
      return () => clearTimeout(timer);
    });
  }

  async #call<K extends CallKind>(
    kind: K,
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Map<string, Settled<K>>> {
    const results = new Map<string, Settled<K>>();
    let asked = this.#skipSuspended(kind, [...new Set(paths)], results);
    while (asked.length > 0) {
      const child = this.#current();
      const { replies, stuck } = await this.#ask(child, { kind, paths: asked }, signal).catch(
        (error: unknown) => this.#answerOfReplaced(child, error, signal),
      );
      const left = asked.filter((path, i) => {
        const reply = replies[i] ?? 'queued';
        if (reply === 'queued') return true;
        results.set(path, reply);
        return false;
      });
      if (stuck.length > 0) this.#replaceExhausted(child, stuck);
      asked = this.#skipSuspended(kind, left, results);
    }
    return results;
  }

  /** A child that was replaced because of another request has not answered: its successor is asked. */
  #answerOfReplaced(child: HostChild, error: unknown, signal: AbortSignal): Omit<ChildAnswer<never>, 'id'> {
    if (!this.#exhausted.has(child) || signal.aborted) throw error;
    return { replies: [], stuck: [] };
  }

  #skipSuspended<K extends CallKind>(
    kind: K,
    paths: readonly string[],
    results: Map<string, Settled<K>>,
  ): string[] {
    const now = this.#clock.monotonic();
    return paths.filter((path) => {
      const key = callKey(kind, path);
      const until = this.#suspended.get(key);
      if (until === undefined) return true;
      if (until <= now) return this.#suspended.delete(key);
      results.set(path, 'hung');
      return false;
    });
  }

  #current(): HostChild {
    if (this.#child !== undefined) return this.#child;
    if (this.#closed) throw new CollectorError('the child process is closed');
    const now = this.#clock.monotonic();
    if (now < this.#notBefore)
      throw new CollectorError(`the child process ${this.#path} exited unexpectedly; it is restarted later`);
    if (this.#lingering >= MAX_LINGERING) {
      throw new CollectorError(
        `${this.#lingering} child processes hang in the kernel: find the mount or device that does not respond`,
      );
    }
    const child = new HostChild(this.#path);
    this.#child = child;
    void child.ended.then(() => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#notBefore = this.#clock.monotonic() + RESTART_MS;
    });
    return child;
  }

  async #ask<K extends CallKind>(
    child: HostChild,
    { kind, paths }: { kind: K; paths: readonly string[] },
    signal: AbortSignal,
  ): Promise<ChildAnswer<K>> {
    const limitMs = this.#limitMs;
    let settled = false;
    return await new Promise((resolve, reject) => {
      const giveUp = (): void => {
        if (settled) return;
        reject(
          new CollectorError(
            `the child process did not respond within ${limitMs + GRACE_MS} ms; it is replaced`,
          ),
        );
        this.#retire(child);
      };
      // A late timer may mean that this process was starved: an answer that has arrived meanwhile is read first.
      const cancel = this.#clock.after(limitMs + GRACE_MS, () => setImmediate(giveUp));
      const release = onAbort(signal, () =>
        reject(new CollectorError('the scrape ended before the host responded')),
      );
      const settle = (): void => {
        settled = true;
        cancel();
        release();
      };
      void child.ask(kind, paths, limitMs).then(resolve, reject).finally(settle);
    });
  }

  #replaceExhausted(child: HostChild, stuck: readonly string[]): void {
    if (this.#exhausted.has(child)) return;
    this.#exhausted.add(child);
    const until = this.#clock.monotonic() + SUSPEND_MS;
    for (const key of stuck) this.#suspended.set(key, until);
    this.#retire(child);
  }

  #retire(child: HostChild): void {
    if (this.#child === child) this.#child = undefined;
    this.#lingering++;
    child.kill();
    void child.ended.then(() => this.#lingering--);
  }
}

function mapValues<V, W>(map: ReadonlyMap<string, V>, convert: (value: V) => W): Map<string, W> {
  return new Map([...map].map(([key, value]) => [key, convert(value)]));
}

function toUsage(reply: Settled<'statfs'>): StatfsResult {
  if (reply === 'hung') return { error: MOUNT_TIMEOUT };
  if (typeof reply === 'number') return { error: errnoText(reply) };
  const [bsize, blocks, bfree, bavail, files, ffree] = reply;
  return { bsize, blocks, bfree, bavail, files, ffree };
}

function toText(reply: Settled<'read'>): SlowText {
  if (reply === 'hung') return { error: 'timeout' };
  return typeof reply === 'number' ? { error: errnoText(reply) } : reply;
}
