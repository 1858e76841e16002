import { PeriodicTask, type Clock, type MonotonicMs, type TaskContext } from '../domain/clock.ts';

/** A time in which the event loop was blocked. */
interface Stall {
  readonly from: MonotonicMs;
  readonly to: MonotonicMs;
}

const TICK_MS = 50;
/** Shorter stalls occur in every busy loop, and harm no probe. */
const MIN_STALL_MS = 50;
/** The longest time that a run can take. */
const RETENTION_MS = 3_600_000;
const MAX_STALLS = 1_000;

/** Watches the event loop that probes run on: a probe cannot answer in time while the loop is blocked. */
export class EventLoopMonitor {
  readonly #clock: Clock;
  #tickedAt: MonotonicMs;
  #stalls: Stall[] = [];
  readonly #ticks: PeriodicTask;

  constructor(context: TaskContext) {
    this.#clock = context.clock;
    this.#tickedAt = this.#clock.monotonic();
    this.#ticks = new PeriodicTask(context, 'loop watch', TICK_MS, () => this.#tick()).start();
  }

  /**
   * The longest time, in milliseconds, for which the loop was blocked since `since`; only the part after
   * it counts. A stall that has only just ended is included, although no timer has fired since.
   */
  longestStallSince(since: MonotonicMs): number {
    const now = this.#clock.monotonic();
    let longest = 0;
    for (let i = this.#stalls.length - 1; i >= 0; i--) {
      const stall = this.#stalls[i];
      if (stall === undefined || stall.to <= since) break;
      longest = Math.max(longest, stall.to - Math.max(stall.from, since));
    }
    const due = this.#tickedAt + TICK_MS;
    return Math.max(longest, now - Math.max(due, since));
  }

  stop(): void {
    this.#ticks.stop();
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    const due = this.#tickedAt + TICK_MS;
    this.#tickedAt = now;
    if (now - due < MIN_STALL_MS) return;
    this.#stalls.push({ from: due, to: now });
    const oldest = this.#stalls[0];
    if (this.#stalls.length > MAX_STALLS || (oldest !== undefined && oldest.to < now - RETENTION_MS))
      this.#stalls.shift();
  }
}
