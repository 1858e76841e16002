import type { ResultStatus } from '../domain/result.ts';

/** A run that is off by less than this share of the interval still is the one that begins it. */
const TOLERANCE = 0.1;

/**
 * Sums up for how long a check was observed and for how long it was failing, from the raw results of its runs.
 *
 * Each interval counts as the run that begins it says, to its end. Runs in between (a retry, the shorter interval of a
 * check that is not healthy) change nothing in it: they are there only because a run failed, so that whatever they
 * added would be counted on one side alone. A state that is looked at like this, in even steps that do not depend on
 * what is seen, has the expected sum of its true duration, be an outage shorter than the interval (mostly missed, and
 * counted for the whole of it when it is seen) or longer. To let each result hold until the next run, or from half-way
 * before it, would count an outage of a third of the interval for a third less.
 *
 * Only where no run begins an interval on time does the last one before it stand in. Time after a run that ended
 * `unknown` is not counted at all.
 */
export class ObservedTime {
  #observedMs = 0;
  #failingMs = 0;
  /** Where the interval of now begins; undefined while nothing is known. All times in ms. */
  #anchor: number | undefined;
  #countedTo = 0;
  /** What the interval counts as, and what the last run said. */
  #held: ResultStatus = 'unknown';
  #latest: ResultStatus = 'unknown';

  get observedSeconds(): number {
    return this.#observedMs / 1_000;
  }

  get failingSeconds(): number {
    return this.#failingMs / 1_000;
  }

  /** Takes in a run. `startedAt` is milliseconds since the epoch. */
  add(status: ResultStatus, startedAt: number, intervalMs: number): void {
    if (this.#anchor === undefined) {
      this.#countedTo = startedAt;
      this.#begin(startedAt, status);
      return;
    }
    const due = this.#anchor + intervalMs;
    const tolerance = intervalMs * TOLERANCE;
    if (startedAt < due - tolerance) {
      this.#count(startedAt, this.#held);
      this.#latest = status;
      return;
    }
    const missed = startedAt > due + tolerance;
    if (missed) this.#count(due, this.#held);
    this.#count(startedAt, missed ? this.#latest : this.#held);
    this.#begin(missed ? startedAt : due, status);
  }

  /** What the last run said is too old to be true. */
  forget(): void {
    this.#anchor = undefined;
  }

  #begin(anchor: number, status: ResultStatus): void {
    this.#anchor = anchor;
    this.#held = status;
    this.#latest = status;
  }

  #count(to: number, as: ResultStatus): void {
    const span = Math.max(0, to - this.#countedTo);
    if (as !== 'unknown') this.#observedMs += span;
    if (as === 'failure') this.#failingMs += span;
    this.#countedTo = Math.max(to, this.#countedTo);
  }
}
