import { Cancellation, cutOnAbort, type CancelSignal } from '../../domain/cancellation.ts';
import type { Clock } from '../../domain/clock.ts';
import { Governor, type ConcurrencyCaps } from './governor.ts';
import { TimeHeap } from './time-heap.ts';
import { firstRun, nextRun, resumedRun, type SchedulableCheck } from './plan.ts';

export interface SchedulerOptions<Check extends SchedulableCheck> {
  readonly clock: Clock;
  readonly caps: ConcurrencyCaps;
  /**
   * Runs a check once; must not reject. Resolves to the milliseconds from this start to the next one where that is
   * sooner than the check's own interval (a retry, an adaptive interval).
   */
  readonly run: (check: Check, signal: CancelSignal) => Promise<number | undefined>;
  /** How late a run started, seconds. */
  readonly onLateness: (seconds: number) => void;
  /** Called when a check gets a place, with the number of its runs that were skipped while it waited. */
  readonly onSkipped: (check: Check, runs: number) => void;
}

interface Entry<Check> {
  check: Check;
  readonly host: string;
  /** Its position in line, in the scheduler's time (ms): when it is due, but not before its last run ended. */
  at: number;
  /** When it would be due if it had never waited; earlier than `at` if it did. Skipped runs are counted from it. */
  due: number;
  /** Whether its last run took no longer than `FAST_MS`. */
  fast: boolean;
  /** Replaced or removed: dropped at its next turn. */
  removed: boolean;
}

/**
 * What is due within this time starts with what is due now: a wake-up for each run would cost more than many a run
 * does.
 */
const BATCH_MS = 10;
/** A check whose last run took no longer than this is fast. One that has not run yet is not: it may hang. */
const FAST_MS = 1_000;

/**
 * Runs checks on time: owns the timers, enforces the caps, and knows nothing of what a run does.
 *
 * Checks without a place wait in line, each at most once: what has been due longest goes first, and what becomes due
 * later never overtakes it. So no check waits longer than one run of each other check takes in the available places.
 * Intervals that pass meanwhile are skipped, not made up for.
 */
export class Scheduler<Check extends SchedulableCheck> {
  readonly #options: SchedulerOptions<Check>;
  readonly #governor: Governor<Entry<Check>>;
  readonly #heap = new TimeHeap<Entry<Check>>();
  readonly #entries = new Map<string, Entry<Check>>();
  readonly #running = new Set<Promise<void>>();
  readonly #cancellation = new Cancellation();
  /** Wall clock minus monotonic clock at the start: ties phases to the wall clock, so that a restart keeps them. */
  readonly #skew: number;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;
  #stopped = false;

  constructor(options: SchedulerOptions<Check>) {
    this.#options = options;
    this.#governor = new Governor(options.caps);
    this.#skew = options.clock.now() - options.clock.monotonic();
  }

  /** Replaces the checks that run. Those known with the same interval and host keep their next time. */
  update(checks: readonly Check[], caps: ConcurrencyCaps = this.#options.caps): void {
    this.#governor.setCaps(caps);
    const wanted = new Set(checks.map((check) => check.key));
    for (const [key, entry] of this.#entries) if (!wanted.has(key)) this.#remove(key, entry);
    for (const check of checks) this.#schedule(check, checks.length);
    this.#startWaiting();
    this.#arm();
  }

  /** Starts no more runs, waits for those in progress, and cancels what still runs once `signal` aborts. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    await cutOnAbort(Promise.all(this.#running), signal, () => this.#cancellation.abort());
  }

  #schedule(check: Check, count: number): void {
    const known = this.#entries.get(check.key);
    if (known !== undefined && known.host === check.host && known.check.intervalMs === check.intervalMs) {
      known.check = check;
      return;
    }
    if (known !== undefined) this.#remove(check.key, known);
    const now = this.#now();
    const at =
      known === undefined && check.resumes !== undefined
        ? resumedRun(check, check.resumes, { now, checks: count })
        : firstRun(check, now, count);
    const fast = isFast(check.resumes?.tookMs);
    const entry: Entry<Check> = { check, host: check.host, at, due: at, fast, removed: false };
    this.#entries.set(check.key, entry);
    this.#heap.push(entry);
  }

  #remove(key: string, entry: Entry<Check>): void {
    entry.removed = true;
    this.#entries.delete(key);
  }

  #now(): number {
    return this.#options.clock.monotonic() + this.#skew;
  }

  #arm(): void {
    if (this.#stopped) return;
    const at = this.#heap.peek()?.at ?? Infinity;
    if (at === this.#timerAt && this.#cancelTimer !== undefined) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#timerAt = at;
    if (at === Infinity) return;
    this.#cancelTimer = this.#options.clock.after(Math.max(0, at - this.#now()), () => this.#queueDue());
  }

  #queueDue(): void {
    this.#cancelTimer = undefined;
    const until = this.#now() + BATCH_MS;
    for (let top = this.#heap.peek(); top !== undefined && top.at <= until; top = this.#heap.peek()) {
      this.#heap.pop();
      if (!top.removed) this.#governor.enqueue(top);
    }
    this.#startWaiting();
    this.#arm();
  }

  #startWaiting(): void {
    if (this.#stopped) return;
    for (let entry = this.#governor.next(); entry !== undefined; entry = this.#governor.next()) {
      if (entry.removed) this.#governor.release(entry);
      else this.#start(entry);
    }
  }

  #start(entry: Entry<Check>): void {
    const { check } = entry;
    const started = this.#now();
    this.#options.onLateness(Math.max(0, started - entry.at) / 1_000);
    const leftOut = Math.floor((started - entry.due) / check.intervalMs);
    if (leftOut > 0) {
      entry.due += leftOut * check.intervalMs;
      this.#options.onSkipped(check, leftOut);
    }
    const running = this.#options.run(check, this.#cancellation).then((wantedMs) => {
      this.#running.delete(running);
      this.#governor.release(entry);
      const tookMs = this.#now() - started;
      entry.fast = isFast(tookMs);
      if (!entry.removed) this.#scheduleNext(entry, tookMs, wantedMs);
      this.#startWaiting();
      this.#arm();
    });
    this.#running.add(running);
  }

  #scheduleNext(entry: Entry<Check>, tookMs: number, wantedMs: number | undefined): void {
    // a run longer than its interval is followed by the next one at once, never by two
    entry.due = Math.max(nextRun(entry.check, entry.due, wantedMs), entry.due + tookMs);
    // it queues behind all that became due while it ran
    entry.at = Math.max(entry.due, this.#now());
    this.#heap.push(entry);
  }
}

function isFast(tookMs = Infinity): boolean {
  return tookMs <= FAST_MS;
}
