import type { EpochMs } from '../domain/clock.ts';
import type { Exemplar } from '../exposition/table/samples.ts';
import type { HistogramValue, Labels } from './family.ts';
import { NativeCounts } from './native-buckets.ts';

/** A native histogram that lost resolution regains it by a reset, at most once in this time. */
const RESET_MS = 60 * 60_000;

/** Time and labels of an exemplar. */
export interface Observation {
  readonly at: EpochMs;
  /** Labels of an exemplar. */
  readonly exemplar?: Labels;
}

/** A histogram that counts observations in classic and in native buckets; its value is used in a sample. */
export class Histogram {
  readonly #bounds: readonly number[];
  #counts: number[];
  #exemplars: (Exemplar | undefined)[] = [];
  #sum = 0;
  #native = new NativeCounts();
  #startedAt: EpochMs | undefined;

  /** @param bounds upper bounds, ascending, without +Inf */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number, observation: Observation): void {
    this.#count(value, observation);
    this.#startedAt ??= observation.at;
    if (!this.#native.coarse || observation.at - this.#startedAt < RESET_MS) return;
    this.#counts.fill(0);
    this.#exemplars = [];
    this.#sum = 0;
    this.#native = new NativeCounts();
    this.#startedAt = observation.at;
    this.#count(value, observation);
  }

  /** @param native whether native buckets are exposed: listing them is the largest cost */
  value(native = true): HistogramValue {
    let total = 0;
    return {
      bounds: this.#bounds,
      counts: this.#counts.map((count) => (total += count)),
      sum: this.#sum,
      ...(this.#exemplars.length > 0 && { exemplars: [...this.#exemplars] }),
      ...(native && { native: this.#native.value() }),
    };
  }

  #count(value: number, { at, exemplar }: Observation): void {
    const found = this.#bounds.findIndex((bound) => value <= bound);
    const index = found === -1 ? this.#bounds.length : found;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
    this.#native.observe(value);
    if (exemplar === undefined) return;
    if (this.#exemplars.length === 0)
      this.#exemplars = new Array<undefined>(this.#counts.length).fill(undefined);
    this.#exemplars[index] = { labels: exemplar, value, timestampMs: at };
  }
}
