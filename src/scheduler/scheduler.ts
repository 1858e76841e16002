import type { Clock } from '../domain/clock.ts';
import { Governor, type Caps } from './governor.ts';
import { TimeHeap } from './heap.ts';
import { firstRun, nextRun, type Scheduled } from './plan.ts';

export interface SchedulerOptions<Check extends Scheduled> {
  readonly clock: Clock;
  readonly caps: Caps;
  /**
   * Runs a check once; must not reject. Answers the milliseconds from this start to the next one where that
   * is sooner than the check's own interval (a retry, an adaptive interval).
   */
  readonly run: (check: Check, signal: AbortSignal) => Promise<number | undefined>;
  /** How late a run started, seconds. */
  readonly onLateness: (seconds: number) => void;
  /** A run was left out: it would have started a whole interval late. */
  readonly onShed: (check: Check) => void;
}

interface Entry<Check> {
  check: Check;
  readonly host: string;
  /** When it is due, in the scheduler's time (ms). */
  at: number;
  /** Replaced or removed: to be dropped where it turns up. */
  gone: boolean;
}

/** Runs checks on time: owns the timers, keeps the caps, and knows nothing of what a run does. */
export class Scheduler<Check extends Scheduled> {
  readonly #options: SchedulerOptions<Check>;
  readonly #governor: Governor<Entry<Check>>;
  readonly #heap = new TimeHeap<Entry<Check>>();
  readonly #entries = new Map<string, Entry<Check>>();
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  /** Wall clock minus monotonic at the start: puts phases on the wall clock, so that a restart keeps them. */
  readonly #skew: number;
  #cancelTimer: (() => void) | undefined;
  #timerAt = Infinity;
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
    this.#arm();
  }

  /** Stops starting runs, lets those under way end, and cancels what still runs once `signal` aborts. */
  async stop(signal: AbortSignal): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#governor.clear();
    const cancel = () => this.#abort.abort();
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
    const entry: Entry<Check> = {
      check,
      host: check.host,
      at: firstRun(check, this.#time(), count),
      gone: false,
    };
    this.#entries.set(check.key, entry);
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
    // Node's timers may fire up to a millisecond early
    for (let top = this.#heap.peek(); top !== undefined && top.at <= now + 1; top = this.#heap.peek()) {
      this.#heap.pop();
      if (!top.gone) this.#governor.enqueue(top);
    }
    this.#startWaiting();
    this.#arm();
  }

  #startWaiting(): void {
    if (this.#stopped) return;
    for (let entry = this.#governor.next(); entry !== undefined; entry = this.#governor.next()) {
      const late = this.#time() - entry.at;
      if (entry.gone || late > entry.check.intervalMs) {
        this.#governor.release(entry);
        if (!entry.gone) this.#shed(entry);
        continue;
      }
      this.#options.onLateness(Math.max(0, late) / 1_000);
      this.#start(entry);
    }
  }

  #shed(entry: Entry<Check>): void {
    this.#options.onShed(entry.check);
    this.#again(entry, this.#time(), undefined);
  }

  #start(entry: Entry<Check>): void {
    const due = entry.at;
    const running = this.#options.run(entry.check, this.#abort.signal).then((wantedMs) => {
      this.#running.delete(running);
      this.#governor.release(entry);
      if (!entry.gone) this.#again(entry, due, wantedMs);
      this.#startWaiting();
      this.#arm();
    });
    this.#running.add(running);
  }

  #again(entry: Entry<Check>, startedAt: number, wantedMs: number | undefined): void {
    // a run longer than its interval is followed by the next one at once, never by two
    entry.at = Math.max(nextRun(entry.check, startedAt, wantedMs), this.#time());
    this.#heap.push(entry);
  }
}
