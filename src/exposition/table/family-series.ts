import { Block, type BlockState, type Series } from './block.ts';
import { isLegacyFamily } from './name-escaping.ts';
import type { FamilyHeader, SampleValue } from './samples.ts';

/** A larger block is divided; one block fills about one part of 64 KiB. */
export const LARGEST_BLOCK = 60 * 1024;

/** The series of a family, sorted by their labels, in blocks that are rendered one by one. */
export class FamilySeries {
  readonly input: FamilyHeader;
  readonly legacy: boolean;
  readonly #byIdentity = new Map<string, Series>();
  readonly #blocks: Block[];

  readonly #largest: number;

  /** @param largest estimated bytes above which a block is divided */
  constructor(input: FamilyHeader, largest: number) {
    this.#largest = largest;
    this.input = input;
    this.legacy = isLegacyFamily(input.name);
    this.#blocks = [new Block(input)];
  }

  get isEmpty(): boolean {
    return this.#byIdentity.size === 0;
  }

  find(identity: string): Series | undefined {
    return this.#byIdentity.get(identity);
  }

  add(series: Series, value: SampleValue): void {
    this.#byIdentity.set(series.identity, series);
    const at = lastIndex(this.#blocks, (block) => isBefore(block.series[0], series));
    const block = this.#blocks[Math.max(0, at)];
    if (block === undefined) return;
    block.insert(series, lastIndex(block.series, (one) => isBefore(one, series)) + 1, value);
    if (block.weight > this.#largest && block.series.length > 1) this.#divide(Math.max(0, at), block, series);
  }

  remove(series: Series): void {
    const { block } = series;
    if (block === undefined) return;
    this.#byIdentity.delete(series.identity);
    block.remove(series);
    if (block.weight < this.#largest / 4 && this.#blocks.length > 1) this.#merge(this.#blocks.indexOf(block));
  }

  /** The current values; empty when there are no series. */
  states(): readonly BlockState[] {
    return this.#byIdentity.size === 0 ? [] : this.#blocks.map((block) => block.state());
  }

  /** Divides in the middle; at the end of the family it begins a new block, so that series added in order fill theirs. */
  #divide(at: number, block: Block, newest: Series): void {
    const { length } = block.series;
    const next = new Block(this.input);
    this.#blocks.splice(at + 1, 0, next);
    block.moveTail(newest.index === length - 1 ? length - 1 : length >> 1, next);
  }

  /** Removes an empty block always: the search relies on every block having a series. */
  #merge(at: number): void {
    if (this.#blocks[at]?.series.length === 0) {
      this.#blocks.splice(at, 1);
      return;
    }
    for (const first of [at - 1, at]) {
      const [one, other] = [this.#blocks[first], this.#blocks[first + 1]];
      if (one === undefined || other === undefined || one.weight + other.weight > this.#largest / 2) continue;
      other.moveTail(0, one);
      this.#blocks.splice(first + 1, 1);
      return;
    }
  }
}

/** Stable: of two series with the same text the earlier one stays first. */
function isBefore(one: Series | undefined, other: Series): boolean {
  return one !== undefined && one.text <= other.text;
}

/** The last index for which a monotonic predicate (true, then false) holds; -1 for none. */
function lastIndex<T>(list: readonly T[], holds: (element: T) => boolean): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const element = list[middle];
    if (element !== undefined && holds(element)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
