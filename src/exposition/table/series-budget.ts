export interface SeriesLimits {
  readonly maxSeries: number;
  readonly maxSeriesPerFamily: number;
}

/**
 * How many series an exposition may have, in total and per family. Counts what Prometheus stores as series: a
 * histogram counts once for each of its lines.
 */
export class SeriesBudget {
  readonly #perFamily = new Map<string, number>();
  #limits: SeriesLimits;
  #total = 0;

  constructor(limits: SeriesLimits) {
    this.#limits = checked(limits);
  }

  /** Series admitted and not released. */
  get total(): number {
    return this.#total;
  }

  of(family: string): number {
    return this.#perFamily.get(family) ?? 0;
  }

  /** Changes the limits; series already admitted stay. */
  configure(limits: SeriesLimits): void {
    this.#limits = checked(limits);
  }

  /** Reserves room for all the series of a sample, or for none where they do not fit. */
  admit(family: string, series = 1): boolean {
    const { maxSeries, maxSeriesPerFamily } = this.#limits;
    const inFamily = this.of(family) + series;
    if (this.#total + series > maxSeries || inFamily > maxSeriesPerFamily) return false;
    this.#total += series;
    this.#perFamily.set(family, inFamily);
    return true;
  }

  /** Frees room that was admitted. */
  release(family: string, series = 1): void {
    const left = this.of(family) - series;
    if (left < 0)
      throw new RangeError(`${series} series of ${family} cannot be released: it has ${this.of(family)}`);
    this.#total -= series;
    if (left === 0) this.#perFamily.delete(family);
    else this.#perFamily.set(family, left);
  }
}

function checked(limits: SeriesLimits): SeriesLimits {
  const { maxSeries, maxSeriesPerFamily } = limits;
  if (maxSeries >= 1 && maxSeriesPerFamily >= 1) return limits;
  throw new RangeError(
    `a budget needs maxSeries and maxSeriesPerFamily of at least 1; given ${maxSeries} and ${maxSeriesPerFamily}`,
  );
}
