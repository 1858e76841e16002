import type { EpochMs } from '../domain/clock.ts';
import type { ResultStatus } from '../domain/result.ts';

/** A run that starts early or late by less than this share of the interval still begins it. */
const TOLERANCE = 0.1;

/**
 * Accumulates how long a check was observed and how long it was failing, from the raw results of its runs.
 *
 * Each interval counts, to its end, as the result of the run that begins it. Runs in between (a retry, the shorter interval of a
 * check that is not healthy) do not change it: they exist only because a run failed, so counting them would
 * bias the sum. Sampling a state in even steps that do not depend on the results gives an unbiased estimate of
 * its true duration, for outages shorter than the interval (mostly missed, and counted for a whole interval when
 * seen) as for longer ones. Letting each result hold until the next run, or from half-way before it, would count an
 * outage of a third of the interval for a third less.
 *
 * Where no run begins an interval on time, the last result before it is used. Time after a run that ended
 * `unknown` is not counted at all.
 */
export class ObservedTime {
  #observedMs = 0;
  #failingMs = 0;
  /** Start of the current interval; undefined while nothing is known. */
  #anchor: EpochMs | undefined;
  #countedTo = 0;
  /** The result that the current interval counts as, and the result of the last run. */
  #held: ResultStatus = 'unknown';
  #latest: ResultStatus = 'unknown';

  get observedSeconds(): number {
    return this.#observedMs / 1_000;
  }

  get failingSeconds(): number {
    return this.#failingMs / 1_000;
  }

  add(status: ResultStatus, startedAt: EpochMs, intervalMs: number): void {
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

  /** Marks the last result as too old to be counted. */
  forget(): void {
    this.#anchor = undefined;
  }

  #begin(anchor: EpochMs, status: ResultStatus): void {
    this.#anchor = anchor;
    this.#held = status;
    this.#latest = status;
  }

  #count(to: EpochMs, as: ResultStatus): void {
    const span = Math.max(0, to - this.#countedTo);
    if (as !== 'unknown') this.#observedMs += span;
    if (as === 'failure') this.#failingMs += span;
    this.#countedTo = Math.max(to, this.#countedTo);
  }
}
