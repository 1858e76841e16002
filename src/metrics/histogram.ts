import type { HistogramValue } from './family.ts';

/** A classic histogram that counts observations itself; its value is a sample's. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds upper bounds, ascending, without +Inf */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const at = this.#bounds.findIndex((bound) => value <= bound);
    const index = at === -1 ? this.#bounds.length : at;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  value(): HistogramValue {
    let total = 0;
    return { bounds: this.#bounds, counts: this.#counts.map((count) => (total += count)), sum: this.#sum };
  }
}
