import { FamilyNames } from './families.ts';
import {
  labelIdentity,
  linePrefixes,
  renderLabels,
  sameShape,
  type FamilyInput,
  type SampleInput,
  type ValueInput,
} from './series.ts';

/** What one writer (a check, a collector) contributes; only it changes these series. */
export interface SeriesGroup {
  /**
   * Makes these samples the whole of the group; what is not among them vanishes. All or nothing.
   * @throws Error for a family whose name stands for something else, TypeError for a value of the wrong kind
   */
  replace(samples: Iterable<SampleInput>): void;
  /** Removes all series of the group. */
  clear(): void;
}

export interface SeriesTableOptions {
  /** Families of another source in the same exposition: declaring something else under their names is an error. */
  readonly reserved?: Iterable<FamilyInput>;
  /** Told for each sample left out because the same series is there already. */
  readonly onDropped?: (family: string) => void;
}

/** The series of a family at one moment; `values[i]` belongs to `prefixes[i]`. */
export interface FamilySnapshot {
  readonly name: string;
  /** HELP and TYPE, rendered. */
  readonly header: string;
  /** For each series the text before its values. */
  readonly prefixes: readonly (readonly string[])[];
  readonly values: readonly ValueInput[];
}

/** Families sorted by name, those without series left out. */
export type TableSnapshot = readonly FamilySnapshot[];

interface Series {
  readonly family: FamilySeries;
  readonly identity: string;
  readonly order: string;
  readonly owner: Group;
  labels: SampleInput['labels'];
  prefixes: readonly string[];
  value: ValueInput;
  /** The replacement that saw it last: what is behind its group's is gone. */
  round: number;
}

interface FamilySeries {
  readonly input: FamilyInput;
  readonly header: string;
  readonly series: Map<string, Series>;
  /** Sorted by labels; undefined when series came or went since. */
  sorted: readonly Series[] | undefined;
}

/**
 * Every series that Tocsin writes itself, kept between scrapes: names and labels are rendered once, a scrape reads values.
 * Several groups may contribute to the same family; the same series from two groups is exposed once, the first one's.
 */
export class SeriesTable {
  readonly #names = new FamilyNames();
  readonly #reserved = new Set<string>();
  readonly #families = new Map<string, FamilySeries>();
  readonly #onDropped: (family: string) => void;
  #sorted: readonly FamilySeries[] | undefined;

  constructor(options: SeriesTableOptions = {}) {
    this.#onDropped = options.onDropped ?? (() => undefined);
    for (const family of options.reserved ?? []) {
      this.#names.declare(family);
      this.#reserved.add(family.name);
    }
  }

  /**
   * Declares families before their first sample, so that a clash shows at start.
   * @throws Error when a name stands for something else
   */
  declare(families: Iterable<FamilyInput>): void {
    for (const family of families) this.#family(family);
  }

  /** @param collector the name under which `collect[]` selects the series of this group */
  group(collector = ''): SeriesGroup {
    return new Group(collector, {
      family: (input) => this.#family(input),
      dropped: (family) => this.#onDropped(family),
    });
  }

  /**
   * The values of this moment, which later changes leave alone. Costs a copy of the values.
   * @param collectors only series of groups with these names
   */
  snapshot(collectors?: ReadonlySet<string>): TableSnapshot {
    this.#sorted ??= [...this.#families.values()].sort((a, b) => compare(a.input.name, b.input.name));
    const snapshot: FamilySnapshot[] = [];
    for (const family of this.#sorted) {
      let series = sortedSeries(family);
      if (collectors !== undefined) series = series.filter(({ owner }) => collectors.has(owner.collector));
      if (series.length === 0) continue;
      const { header, input } = family;
      const prefixes = series.map((each) => each.prefixes);
      snapshot.push({ name: input.name, header, prefixes, values: series.map(({ value }) => value) });
    }
    return snapshot;
  }

  #family(input: FamilyInput): FamilySeries {
    const known = this.#families.get(input.name);
    if (known?.input === input) return known;
    if (this.#reserved.has(input.name)) {
      throw new Error(
        `family ${input.name} belongs to another source of this exposition; choose another name`,
      );
    }
    this.#names.declare(input);
    if (known !== undefined) return known;
    const family: FamilySeries = { input, header: renderHeader(input), series: new Map(), sorted: [] };
    this.#families.set(input.name, family);
    this.#sorted = undefined;
    return family;
  }
}

interface Home {
  readonly family: (input: FamilyInput) => FamilySeries;
  readonly dropped: (family: string) => void;
}

class Group implements SeriesGroup {
  readonly collector: string;
  readonly #home: Home;
  #series: Series[] = [];
  #round = 0;

  constructor(collector: string, home: Home) {
    this.collector = collector;
    this.#home = home;
  }

  replace(samples: Iterable<SampleInput>): void {
    const given = [...samples];
    const families = given.map((sample) => this.#checkedFamily(sample));
    const texts = given.map((sample, i) => (this.#isAt(i, sample) ? undefined : renderLabels(sample.labels)));
    const before = this.#series;
    this.#round += 1;
    const after: Series[] = [];
    given.forEach((sample, i) => {
      const text = texts[i];
      const family = families[i];
      if (family === undefined) return;
      const series = text === undefined ? before[i] : this.#findOrAdd(family, sample, text);
      if (series !== undefined && this.#take(series, sample)) after.push(series);
      else this.#home.dropped(sample.family.name);
    });
    for (const series of before) if (series.round !== this.#round) remove(series);
    this.#series = after;
  }

  clear(): void {
    for (const series of this.#series) remove(series);
    this.#series = [];
  }

  #checkedFamily(sample: SampleInput): FamilySeries {
    const { family, value, labels } = sample;
    if ((family.type === 'histogram') === (typeof value === 'number')) {
      throw new TypeError(`a sample of the ${family.type} ${family.name} has a value of the other kind`);
    }
    if (typeof value !== 'number' && (value.counts.length !== value.bounds.length + 1 || 'le' in labels)) {
      throw new TypeError(
        `a sample of the histogram ${family.name} needs one count more than bounds, and no label le`,
      );
    }
    return this.#home.family(family);
  }

  /** Whether the sample is of the series that stood at this place last time: then nothing is rendered. */
  #isAt(index: number, { family, labels }: SampleInput): boolean {
    const last = this.#series[index];
    return last !== undefined && last.family.input.name === family.name && sameLabels(last.labels, labels);
  }

  #findOrAdd(family: FamilySeries, sample: SampleInput, text: string): Series {
    const { labels, value } = sample;
    const identity = labelIdentity(labels, text);
    const known = family.series.get(identity);
    if (known !== undefined) return known;
    const prefixes = linePrefixes(family.input, text, value);
    const series: Series = { family, identity, order: text, owner: this, labels, prefixes, value, round: 0 };
    family.series.set(identity, series);
    family.sorted = undefined;
    return series;
  }

  /** Writes the value down, unless the series is another group's or was given already. */
  #take(series: Series, { value, labels }: SampleInput): boolean {
    if (series.owner !== this || series.round === this.#round) return false;
    if (!sameShape(series.value, value)) {
      series.prefixes = linePrefixes(series.family.input, series.order, value);
    }
    series.value = value;
    series.labels = labels;
    series.round = this.#round;
    return true;
  }
}

function remove({ family, identity }: Series): void {
  family.series.delete(identity);
  family.sorted = undefined;
}

function sortedSeries(family: FamilySeries): readonly Series[] {
  family.sorted ??= [...family.series.values()].sort((a, b) => compare(a.order, b.order));
  return family.sorted;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function sameLabels(one: SampleInput['labels'], other: SampleInput['labels']): boolean {
  if (one === other) return true;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

function renderHeader({ name, type, help }: FamilyInput): string {
  const escaped = help
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n');
  return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`;
}
