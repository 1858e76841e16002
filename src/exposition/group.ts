import { Series, type SeriesNames } from './block.ts';
import type { FamilySeries } from './family-series.ts';
import { checkLabels, labelIdentity, renderLabels, type LabelSet } from './labels.ts';
import { boundsOf, checkValue, type FamilyInput, type SampleInput, type ValueInput } from './series.ts';

/** What one writer (a check, a collector) contributes; only it changes these series. */
export interface SeriesGroup {
  /**
   * Makes these samples the whole of the group; what is not among them vanishes. All or nothing. Cheapest when the
   * samples are those of the last time with other values, in the same order: then no text is made.
   * @throws Error for a family whose name stands for something else, TypeError for a value of the wrong kind
   */
  replace(samples: Iterable<SampleInput>): void;
  /** Removes all series of the group. */
  clear(): void;
}

/** What a group needs of its table. */
export interface Home {
  /** Declares it where that is needed. @throws Error when its name stands for something else */
  readonly family: (input: FamilyInput) => FamilySeries;
  /** Undefined where it is not declared so. */
  readonly known: (input: FamilyInput) => FamilySeries | undefined;
  /** Names of families that it cannot be beside. */
  readonly conflicts: (input: FamilyInput) => readonly string[];
  readonly dropped: (family: string) => void;
  /** Takes room for these lines of a family, where there is some. */
  readonly admit: (family: string, lines: number) => boolean;
  readonly release: (family: string, lines: number) => void;
}

/** A sample and where it goes. */
interface Placed {
  readonly sample: SampleInput;
  readonly family: FamilySeries;
  /** The series that stood at this place last time, when the sample is of the same. */
  readonly same: Series | undefined;
  /** Made only when it is not. */
  readonly names: SeriesNames | undefined;
}

export class Group implements SeriesGroup {
  readonly collector: string;
  readonly #home: Home;
  #series: Series[] = [];
  /** Of the replacement that goes on; a series that is behind is not in it. */
  #round = 0;

  constructor(collector: string, home: Home) {
    this.collector = collector;
    this.#home = home;
  }

  replace(samples: Iterable<SampleInput>): void {
    const given = [...samples];
    if (given.length === this.#series.length && given.every((sample, i) => this.#isAt(i, sample))) {
      given.forEach(({ value }, i) => setValue(this.#series[i], value));
      return;
    }
    this.#makeRoom(given);
    const placed = given.map((sample, i) => this.#place(sample, i));
    this.#round += 1;
    const kept = placed.map((each) => this.#keep(each));
    for (const series of this.#series) if (series.round !== this.#round) this.#remove(series);
    const after: Series[] = [];
    placed.forEach((each, i) => {
      const series = kept[i] ?? this.#add(each);
      if (series === undefined) this.#home.dropped(each.sample.family.name);
      else after.push(series);
    });
    this.#series = after;
  }

  clear(): void {
    for (const series of this.#series) this.#remove(series);
    this.#series = [];
  }

  /** Whether a sample is of the series that stood at its place last time, and is written alike. Fails as `place` does. */
  #isAt(index: number, sample: SampleInput): boolean {
    checkValue(sample);
    const series = this.#series[index];
    return (
      series !== undefined &&
      this.#home.known(sample.family) === series.family &&
      sameLabels(series.labels, sample.labels) &&
      sameBounds(series.bounds, boundsOf(sample.value))
    );
  }

  /** Takes out what the group itself has had so far under names that now mean something else. */
  #makeRoom(given: readonly SampleInput[]): void {
    const names = new Set(given.flatMap(({ family }) => this.#home.conflicts(family)));
    if (names.size === 0) return;
    const inTheWay = ({ family }: Series) => names.has(family.input.name);
    for (const series of this.#series.filter(inTheWay)) this.#remove(series);
    this.#series = this.#series.filter((series) => !inTheWay(series));
  }

  /** Everything that may fail, before anything is changed. */
  #place(sample: SampleInput, index: number): Placed {
    checkValue(sample);
    const family = this.#home.family(sample.family);
    const last = this.#series[index];
    const isSame = last?.family === family && sameLabels(last.labels, sample.labels);
    return isSame
      ? { sample, family, same: last, names: undefined }
      : { sample, family, same: undefined, names: namesOf(sample.labels) };
  }

  /** The series that is there already, is this group's and is written alike, with its new value; undefined for none. */
  #keep({ sample, family, same, names }: Placed): Series | undefined {
    const series = same ?? family.find(names?.identity ?? '');
    if (series?.owner !== this || series.round === this.#round) return undefined;
    if (names !== undefined && names.text !== series.text) return undefined;
    if (!sameBounds(series.bounds, boundsOf(sample.value))) return undefined;
    series.round = this.#round;
    setValue(series, sample.value);
    return series;
  }

  /** A new series, unless the same is there or there is no room. */
  #add({ sample, family, same, names }: Placed): Series | undefined {
    const { labels, value } = sample;
    const given = names ?? namesOf((same ?? sample).labels);
    if (family.find(given.identity) !== undefined) return undefined;
    const series = new Series({ family, owner: this, names: given, labels, bounds: boundsOf(value) });
    if (!this.#home.admit(family.input.name, series.lines)) return undefined;
    series.round = this.#round;
    family.add(series, value);
    return series;
  }

  #remove(series: Series): void {
    series.family.remove(series);
    this.#home.release(series.family.input.name, series.lines);
  }
}

function setValue(series: Series | undefined, value: ValueInput): void {
  series?.block?.set(series, value);
}

function namesOf(labels: LabelSet): SeriesNames {
  const legacy = checkLabels(labels);
  const text = renderLabels(labels);
  return { text, identity: labelIdentity(labels, text), legacy };
}

function sameLabels(one: LabelSet, other: LabelSet): boolean {
  if (one === other) return true;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function sameBounds(one: readonly number[] | undefined, other: readonly number[] | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.length === other.length && one.every((bound, i) => Object.is(bound, other[i]));
}
