import type { Clock } from '../domain/clock.ts';

/** A time in which the event loop did nothing else: monotonic milliseconds. */
interface Stall {
  readonly from: number;
  readonly to: number;
}

const TICK_MS = 50;
/** What is shorter is every busy loop's, and harms no probe. */
const NOTED_MS = 50;
/** The longest that a run can have lasted. */
const KEPT_MS = 3_600_000;
const MAX_KEPT = 1_000;

/** Watches the event loop that probes run on: a probe cannot answer in time while it stands still. */
export class LoopWatch {
  readonly #clock: Clock;
  #tickedAt: number;
  #stalls: Stall[] = [];
  #cancel: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickedAt = clock.monotonic();
    this.#tickLater();
  }

  /**
   * The longest time, in milliseconds, for which the loop stood still since `since` (monotonic ms), as far as it lies
   * after that. A stall that has only just ended is seen, although no timer has had its turn yet.
   */
  longestSince(since: number): number {
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
    this.#cancel();
  }

  #tickLater(): void {
    this.#cancel = this.#clock.after(TICK_MS, () => {
      this.#tick();
      this.#tickLater();
    });
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    const due = this.#tickedAt + TICK_MS;
    this.#tickedAt = now;
    if (now - due < NOTED_MS) return;
    this.#stalls.push({ from: due, to: now });
    const oldest = this.#stalls[0];
    if (this.#stalls.length > MAX_KEPT || (oldest !== undefined && oldest.to < now - KEPT_MS))
      this.#stalls.shift();
  }
}
