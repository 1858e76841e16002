import { Series, type SeriesNames } from './block.ts';
import type { FamilySeries } from './family-series.ts';
import { checkLabels, labelIdentity, renderLabels, type LabelSet } from './labels.ts';
import { boundsOf, checkValue, type FamilyHeader, type Sample, type SampleValue } from './samples.ts';

/** The series of one writer (a check, a collector); no other writer changes them. */
export interface SeriesGroup {
  /**
   * Replaces the content of the group; series that are not among the samples are removed. All or nothing. Cheapest when the
   * samples are those of the previous call with other values, in the same order: then no text is rendered.
   * @throws Error for a family whose name is already used by another, TypeError for a value of the wrong kind
   */
  replace(samples: Iterable<Sample>): void;
  /** Removes all series of the group. */
  clear(): void;
}

/** What a group needs of its table. */
export interface GroupContext {
  /** Declares it where needed. @throws Error when its name is used by another family */
  readonly family: (input: FamilyHeader) => FamilySeries;
  /** Undefined where it is not declared with this meaning. */
  readonly known: (input: FamilyHeader) => FamilySeries | undefined;
  /** Names of declared families that conflict with it. */
  readonly conflicts: (input: FamilyHeader) => readonly string[];
  readonly dropped: (family: string) => void;
  /** Reserves room for these lines of a family; false when the limit is reached. */
  readonly admit: (family: string, lines: number) => boolean;
  readonly release: (family: string, lines: number) => void;
}

/** A sample and where it goes. */
interface Placed {
  readonly sample: Sample;
  readonly family: FamilySeries;
  /** The series at this position in the previous call, when the sample belongs to it. */
  readonly same: Series | undefined;
  /** Rendered only when it does not. */
  readonly names: SeriesNames | undefined;
}

export class Group implements SeriesGroup {
  readonly collector: string;
  readonly #context: GroupContext;
  #series: Series[] = [];
  /** Counts calls of `replace`; a series with a lower round was not in the latest one. */
  #round = 0;

  constructor(collector: string, home: GroupContext) {
    this.collector = collector;
    this.#context = home;
  }

  replace(samples: Iterable<Sample>): void {
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
      if (series === undefined) this.#context.dropped(each.sample.family.name);
      else after.push(series);
    });
    this.#series = after;
  }

  clear(): void {
    for (const series of this.#series) this.#remove(series);
    this.#series = [];
  }

  /** Whether a sample belongs to the series at its position in the previous call. Throws as `#place` does. */
  #isAt(index: number, sample: Sample): boolean {
    checkValue(sample);
    const series = this.#series[index];
    return (
      series !== undefined &&
      this.#context.known(sample.family) === series.family &&
      sameLabels(series.labels, sample.labels) &&
      sameBounds(series.bounds, boundsOf(sample.value))
    );
  }

  /** Removes series of the group itself whose family names now mean something else. */
  #makeRoom(given: readonly Sample[]): void {
    const names = new Set(given.flatMap(({ family }) => this.#context.conflicts(family)));
    if (names.size === 0) return;
    const inTheWay = ({ family }: Series) => names.has(family.input.name);
    for (const series of this.#series.filter(inTheWay)) this.#remove(series);
    this.#series = this.#series.filter((series) => !inTheWay(series));
  }

  /** Does everything that may fail, before anything is changed. */
  #place(sample: Sample, index: number): Placed {
    checkValue(sample);
    const family = this.#context.family(sample.family);
    const last = this.#series[index];
    const isSame = last?.family === family && sameLabels(last.labels, sample.labels);
    return isSame
      ? { sample, family, same: last, names: undefined }
      : { sample, family, same: undefined, names: namesOf(sample.labels) };
  }

  /** The existing series of this group for a sample, with its new value; undefined if not found. */
  #keep({ sample, family, same, names }: Placed): Series | undefined {
    const series = same ?? family.find(names?.identity ?? '');
    if (series?.owner !== this || series.round === this.#round) return undefined;
    if (names !== undefined && names.text !== series.text) return undefined;
    if (!sameBounds(series.bounds, boundsOf(sample.value))) return undefined;
    series.round = this.#round;
    setValue(series, sample.value);
    return series;
  }

  /** A new series; undefined when it exists already or the limit is reached. */
  #add({ sample, family, same, names }: Placed): Series | undefined {
    const { labels, value } = sample;
    const given = names ?? namesOf((same ?? sample).labels);
    if (family.find(given.identity) !== undefined) return undefined;
    const series = new Series({ family, owner: this, names: given, labels, bounds: boundsOf(value) });
    if (!this.#context.admit(family.input.name, series.lines)) return undefined;
    series.round = this.#round;
    family.add(series, value);
    return series;
  }

  #remove(series: Series): void {
    series.family.remove(series);
    this.#context.release(series.family.input.name, series.lines);
  }
}

function setValue(series: Series | undefined, value: SampleValue): void {
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
