import type { LabelSet } from './labels.ts';
import { lineCount, numbersOf, type CompoundValue, type FamilyHeader, type SampleValue } from './samples.ts';

export interface SeriesNames {
  /** Its labels as text; what its family is sorted by. */
  readonly text: string;
  /** What identifies it for Prometheus. */
  readonly identity: string;
  /** Whether its labels need no escaping. */
  readonly legacy: boolean;
}

export interface SeriesInit {
  readonly family: { readonly input: FamilyHeader; remove(series: Series): void };
  /** The group that writes it. */
  readonly owner: { readonly collector: string };
  readonly names: SeriesNames;
  readonly labels: LabelSet;
  readonly bounds: readonly number[] | undefined;
}

/** A series of a family: its labels, rendered once, and the position of its values. */
export class Series implements SeriesNames {
  readonly family: SeriesInit['family'];
  readonly owner: SeriesInit['owner'];
  readonly text: string;
  readonly identity: string;
  readonly legacy: boolean;
  /** Upper bounds or quantiles of its lines; undefined when it is a single number. */
  readonly bounds: readonly number[] | undefined;
  readonly lines: number;
  readonly labels: LabelSet;
  block: Block | undefined = undefined;
  index = 0;
  /** Index of its first value in its block. */
  slot = 0;
  /** The last `replace` of its group that included it. */
  round = 0;

  constructor({ family, owner, names, labels, bounds }: SeriesInit) {
    this.family = family;
    this.owner = owner;
    this.text = names.text;
    this.identity = names.identity;
    this.legacy = names.legacy;
    this.labels = labels;
    this.bounds = bounds;
    this.lines = lineCount(family.input.type, bounds);
  }
}

/** A block at one moment; later changes of the block leave it alone. */
export interface BlockState {
  readonly block: Block;
  readonly family: FamilyHeader;
  /** Sorted; another array means another set of series. */
  readonly series: readonly Series[];
  /** One number for each line; may be longer than `lines`. */
  readonly values: Float64Array;
  readonly lines: number;
  /** For each series its histogram or summary; empty for families of plain numbers. */
  readonly compounds: readonly CompoundValue[];
  readonly legacy: boolean;
  /** Estimated length in bytes when rendered. */
  readonly weight: number;
}

/** Estimated bytes of a number and the end of its line. */
const NUMBER_WEIGHT = 20;
const BUCKET_WEIGHT = 18;

/**
 * Neighbouring series of one family with their values: the unit of rendering. Cheap to change:
 * a block is small, and arrays shared with a snapshot are copied before they are written to.
 */
export class Block {
  readonly #family: FamilyHeader;
  readonly #compound: boolean;
  #series: Series[] = [];
  #values = new Float64Array(4);
  #compounds: CompoundValue[] = [];
  #lines = 0;
  #weight = 0;
  /** Series whose labels need escaping. */
  #escapedSeries = 0;
  #state: BlockState | undefined;
  /** Whether a state shares the array of series, which must then be copied before a change. */
  #seriesShared = false;

  constructor(family: FamilyHeader) {
    this.#family = family;
    this.#compound = family.type === 'histogram' || family.type === 'summary';
  }

  get series(): readonly Series[] {
    return this.#series;
  }

  get weight(): number {
    return this.#weight;
  }

  /** The current values. Free when nothing has changed since the last call. */
  state(): BlockState {
    this.#seriesShared = true;
    this.#state ??= {
      block: this,
      family: this.#family,
      series: this.#series,
      values: this.#values,
      lines: this.#lines,
      compounds: this.#compounds,
      legacy: this.#escapedSeries === 0,
      weight: this.#weight,
    };
    return this.#state;
  }

  /** Writes a value; its kind and bounds must be those of the series. */
  set(series: Series, value: SampleValue): void {
    if (typeof value === 'number') {
      if (Object.is(this.#values[series.slot], value)) return;
      if (this.#state !== undefined) this.#unshareValues();
      this.#values[series.slot] = value;
      return;
    }
    if (sameCompound(this.#compounds[series.index], value)) return;
    if (this.#state !== undefined) this.#unshareValues();
    this.#values.set(numbersOf(value), series.slot);
    this.#compounds[series.index] = value;
  }

  /** @param index where it belongs */
  insert(series: Series, index: number, value: SampleValue): void {
    this.#unshare();
    const slot = this.#series[index]?.slot ?? this.#lines;
    this.#makeRoom(this.#lines + series.lines);
    this.#values.copyWithin(slot + series.lines, slot, this.#lines);
    this.#series.splice(index, 0, series);
    if (this.#compound) this.#compounds.splice(index, 0, value as CompoundValue);
    this.#values.set(typeof value === 'number' ? [value] : numbersOf(value), slot);
    this.#lines += series.lines;
    this.#weight += this.#weightOf(series);
    if (!series.legacy) this.#escapedSeries += 1;
    this.#renumber(index, slot);
  }

  remove(series: Series): void {
    this.#unshare();
    const { index, slot, lines } = series;
    this.#values.copyWithin(slot, slot + lines, this.#lines);
    this.#series.splice(index, 1);
    if (this.#compound) this.#compounds.splice(index, 1);
    this.#lines -= lines;
    this.#weight -= this.#weightOf(series);
    if (!series.legacy) this.#escapedSeries -= 1;
    series.block = undefined;
    this.#renumber(index, slot);
  }

  /** Moves the series from an index on to the end of the block that follows this one. */
  moveTail(index: number, to: Block): void {
    const tail = this.#series.slice(index);
    const values = tail.map((series) => this.#valueOf(series));
    for (const series of tail.toReversed()) this.remove(series);
    tail.forEach((series, i) => to.insert(series, to.series.length, values[i] ?? 0));
  }

  #valueOf(series: Series): SampleValue {
    return this.#compounds[series.index] ?? this.#values[series.slot] ?? 0;
  }

  #weightOf(series: Series): number {
    const line = this.#family.name.length + Buffer.byteLength(series.text) + NUMBER_WEIGHT;
    return series.lines * (series.bounds === undefined ? line : line + BUCKET_WEIGHT);
  }

  #renumber(from: number, firstSlot: number): void {
    let slot = firstSlot;
    for (let i = from; i < this.#series.length; i += 1) {
      const series = this.#series[i];
      if (series === undefined) return;
      series.block = this;
      series.index = i;
      series.slot = slot;
      slot += series.lines;
    }
  }

  #makeRoom(lines: number): void {
    if (lines <= this.#values.length) return;
    const values = new Float64Array(Math.max(lines, this.#values.length * 2));
    values.set(this.#values);
    this.#values = values;
  }

  /** Before series come or go. */
  #unshare(): void {
    if (this.#seriesShared) this.#series = this.#series.slice();
    this.#seriesShared = false;
    if (this.#state !== undefined) this.#unshareValues();
  }

  #unshareValues(): void {
    this.#values = this.#values.slice(0, Math.max(4, this.#lines));
    this.#compounds = this.#compounds.slice();
    this.#state = undefined;
  }
}

/** Whether both are rendered alike. */
function sameCompound(one: CompoundValue | undefined, other: CompoundValue): boolean {
  if (one === other) return true;
  if (one === undefined || !sameNumbers(numbersOf(one), numbersOf(other))) return false;
  if (!('bounds' in one) || !('bounds' in other)) return true;
  if (one.native !== other.native) return false;
  const [exemplars, others] = [one.exemplars ?? [], other.exemplars ?? []];
  return exemplars.length === others.length && exemplars.every((exemplar, i) => exemplar === others[i]);
}

function sameNumbers(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, i) => Object.is(value, other[i]));
}
