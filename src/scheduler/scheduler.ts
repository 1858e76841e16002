import { Cancellation, type CancelSignal } from '../domain/cancellation.ts';
import type { Clock } from '../domain/clock.ts';
import { Governor, type Caps } from './governor.ts';
import { TimeHeap } from './heap.ts';
import { firstRun, nextRun, resumedRun, type Scheduled } from './plan.ts';

export interface SchedulerOptions<Check extends Scheduled> {
  readonly clock: Clock;
  readonly caps: Caps;
  /**
   * Runs a check once; must not reject. Answers the milliseconds from this start to the next one where that
   * is sooner than the check's own interval (a retry, an adaptive interval).
   */
  readonly run: (check: Check, signal: CancelSignal) => Promise<number | undefined>;
  /** How late a run started, seconds. */
  readonly onLateness: (seconds: number) => void;
  /** A run was left out: it waited for a place until it could not have ended before the next one is due. */
  readonly onShed: (check: Check) => void;
}

interface Entry<Check> {
  check: Check;
  readonly host: string;
  /** When it is due, in the scheduler's time (ms). */
  at: number;
  /** The last moment at which it would still end before it is due again, going by how long it took lately. */
  startBy: number;
  /** How long its last run took, ms. */
  tookMs: number;
  /** Replaced or removed: to be dropped where it turns up. */
  gone: boolean;
}

/**
 * What is due within this time starts with what is due now: to wake the process for each run alone would cost more than
 * many a run does.
 */
const TOGETHER_MS = 10;
/** How often the line is searched for runs that came too late. */
const SEARCH_MS = 500;

/**
 * Runs checks on time: owns the timers, keeps the caps, and knows nothing of what a run does.
 *
 * What finds no place waits in line, each check at most once. A run that had to wait and could not end before its
 * check is due again is left out rather than started late: under overload every check still runs now and then, on
 * its own phase, instead of all of them ever later.
 */
export class Scheduler<Check extends Scheduled> {
  readonly #options: SchedulerOptions<Check>;
  readonly #governor: Governor<Entry<Check>>;
  readonly #heap = new TimeHeap<Entry<Check>>();
  readonly #entries = new Map<string, Entry<Check>>();
  readonly #running = new Set<Promise<void>>();
  readonly #cancellation = new Cancellation();
  /** Wall clock minus monotonic at the start: puts phases on the wall clock, so that a restart keeps them. */
  readonly #skew: number;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;
  #searchedAt = -Infinity;
  #stopped = false;

  constructor(options: SchedulerOptions<Check>) {
    this.#options = options;
    this.#governor = new Governor(options.caps);
    this.#skew = options.clock.now() - options.clock.monotonic();
  }

  /** Makes `checks` the ones that run. Those already known with the same interval and host keep their next time. */
  update(checks: readonly Check[], caps: Caps = this.#options.caps): void {
    this.#governor.setCaps(caps);
    const wanted = new Set(checks.map((check) => check.key));
    for (const [key, entry] of this.#entries) if (!wanted.has(key)) this.#drop(key, entry);
    for (const check of checks) this.#place(check, checks.length);
    this.#startWaiting();
    this.#arm();
  }

  /** Stops starting runs, lets those under way end, and cancels what still runs once `signal` aborts. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#governor.clear();
    const cancel = () => this.#cancellation.abort();
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel, { once: true });
    await Promise.all(this.#running);
    signal.removeEventListener('abort', cancel);
  }

  #place(check: Check, count: number): void {
    const known = this.#entries.get(check.key);
    if (known !== undefined && known.host === check.host && known.check.intervalMs === check.intervalMs) {
      known.check = check;
      return;
    }
    if (known !== undefined) this.#drop(check.key, known);
    const now = this.#time();
    const at =
      known === undefined && check.resumes !== undefined
        ? resumedRun(check, check.resumes, { now, checks: count })
        : firstRun(check, now, count);
    const entry: Entry<Check> = { check, host: check.host, at, startBy: 0, tookMs: 0, gone: false };
    this.#entries.set(check.key, entry);
    this.#plan(entry, at);
  }

  #plan(entry: Entry<Check>, at: number): void {
    entry.at = at;
    entry.startBy = at + Math.max(graceMs(entry.check), entry.check.intervalMs - entry.tookMs);
    this.#heap.push(entry);
  }

  #drop(key: string, entry: Entry<Check>): void {
    entry.gone = true;
    this.#entries.delete(key);
  }

  #time(): number {
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
    this.#cancelTimer = this.#options.clock.after(Math.max(0, at - this.#time()), () => this.#due());
  }

  #due(): void {
    this.#cancelTimer = undefined;
    const now = this.#time();
    const turnedAway: Entry<Check>[] = [];
    const until = now + TOGETHER_MS;
    for (let top = this.#heap.peek(); top !== undefined && top.at <= until; top = this.#heap.peek()) {
      this.#heap.pop();
      if (top.gone) continue;
      // it is late by no fault of the line, unless whole intervals have passed (a suspended machine)
      if (now - top.at <= top.check.intervalMs) top.startBy = Math.max(top.startBy, now + graceMs(top.check));
      if (!this.#governor.enqueue(top)) turnedAway.push(top);
    }
    for (const entry of turnedAway) this.#shed(entry);
    this.#startWaiting();
    this.#arm();
  }

  #startWaiting(): void {
    if (this.#stopped) return;
    this.#shedLate();
    for (let entry = this.#governor.next(); entry !== undefined; entry = this.#governor.next()) {
      const now = this.#time();
      if (entry.gone || now > entry.startBy) {
        this.#governor.release(entry);
        if (!entry.gone) this.#shed(entry);
        continue;
      }
      this.#options.onLateness(Math.max(0, now - entry.at) / 1_000);
      this.#start(entry);
    }
  }

  /** Those that never get a place are not left in line until somebody looks at them. */
  #shedLate(): void {
    const now = this.#time();
    if (this.#governor.waiting === 0 || now < this.#searchedAt + SEARCH_MS) return;
    this.#searchedAt = now;
    for (const entry of this.#governor.takeLate(now)) if (!entry.gone) this.#shed(entry);
  }

  #shed(entry: Entry<Check>): void {
    this.#options.onShed(entry.check);
    this.#again(entry, Math.max(entry.at, this.#time() - entry.check.intervalMs / 2), undefined);
  }

  #start(entry: Entry<Check>): void {
    const due = entry.at;
    const started = this.#time();
    const running = this.#options.run(entry.check, this.#cancellation).then((wantedMs) => {
      this.#running.delete(running);
      this.#governor.release(entry);
      entry.tookMs = this.#time() - started;
      if (!entry.gone) this.#again(entry, due, wantedMs);
      this.#startWaiting();
      this.#arm();
    });
    this.#running.add(running);
  }

  #again(entry: Entry<Check>, startedAt: number, wantedMs: number | undefined): void {
    // a run longer than its interval is followed by the next one at once, never by two
    this.#plan(entry, Math.max(nextRun(entry.check, startedAt, wantedMs), this.#time()));
  }
}

/** So much later than due is still on time, however long the check's runs take. */
function graceMs({ intervalMs }: Scheduled): number {
  return intervalMs / 10;
}
