import type { Series } from './block.ts';
import { type BlockState } from './block.ts';
import type { SeriesBudget } from './series-budget.ts';
import { FamilyNames, isSame } from './family-names.ts';
import { FamilySeries, LARGEST_BLOCK } from './family-series.ts';
import { Group, type SeriesGroup } from './series-group.ts';
import type { FamilyHeader } from './samples.ts';

export type { SeriesGroup };

export interface SeriesTableOptions {
  /** Limits the number of series; unlimited without one. */
  readonly budget?: SeriesBudget;
  /** Called for each sample left out because the series exists already or the budget is used up. */
  readonly onDropped?: (family: string) => void;
  /** About how many bytes a block renders to. Default: 60 KiB. */
  readonly blockBytes?: number;
}

export interface GroupOptions {
  /** Whether its series count against the budget, and are left out when it is used up. Default: yes. */
  readonly budgeted?: boolean;
}

/** Some series of a block. */
export interface BlockView {
  readonly state: BlockState;
  /** Which series, from (included) and to (excluded); all of them when undefined. */
  readonly runs?: readonly (readonly [from: number, to: number])[];
}

/** The series of a family in a snapshot. */
export interface FamilySnapshot {
  readonly family: FamilyHeader;
  /** A counter `x_total` whose base name `x` is another family's: OpenMetrics cannot call it a counter. */
  readonly baseTaken: boolean;
  readonly blocks: readonly BlockView[];
}

/** The values of all series at one moment, unaffected by later changes. */
export interface TableSnapshot {
  /** Sorted by name, those without series left out. */
  readonly families: readonly FamilySnapshot[];
  /** Whether no name needs escaping. */
  readonly legacy: boolean;
}

/**
 * Every series of an exposition, kept between scrapes: names and labels are rendered once, a scrape reads values.
 * Several groups may contribute to the same family; the same series from two groups is exposed once, the first one's.
 */
export class SeriesTable {
  readonly #names = new FamilyNames();
  readonly #families = new Map<string, FamilySeries>();
  /** Declared before their first sample: their names are never given back. */
  readonly #fixed = new Set<string>();
  readonly #onDropped: (family: string) => void;
  readonly #budget: SeriesBudget | undefined;
  readonly #blockBytes: number;
  #sorted: readonly FamilySeries[] | undefined;

  constructor(options: SeriesTableOptions = {}) {
    this.#onDropped = options.onDropped ?? (() => undefined);
    this.#budget = options.budget;
    this.#blockBytes = options.blockBytes ?? LARGEST_BLOCK;
  }

  /**
   * Declares families before their first sample, so that a conflict is found at start.
   * @throws Error when a name is already used by another family
   */
  declare(families: Iterable<FamilyHeader>): void {
    for (const family of families) {
      this.#family(family);
      this.#fixed.add(family.name);
    }
  }

  /** @param collector the name under which `collect[]` selects the series of this group */
  group(collector = '', { budgeted = true }: GroupOptions = {}): SeriesGroup {
    const budget = budgeted ? this.#budget : undefined;
    return new Group(collector, {
      family: (input) => this.#family(input),
      known: (input) => this.#known(input),
      conflicts: (input) => this.#names.conflicts(input),
      dropped: (family) => this.#onDropped(family),
      admit: (family, lines) => budget?.admit(family, lines) ?? true,
      release: (family, lines) => budget?.release(family, lines),
    });
  }

  /**
   * The current values. Cheap: a block is copied only when it is written to later.
   * @param collectors only series of groups with these names
   */
  snapshot(collectors?: ReadonlySet<string>): TableSnapshot {
    this.#sorted ??= [...this.#families.values()].sort((a, b) => (a.input.name < b.input.name ? -1 : 1));
    const families: FamilySnapshot[] = [];
    let legacy = true;
    for (const family of this.#sorted) {
      const blocks = family.states().flatMap((state) => viewOf(state, collectors) ?? []);
      if (blocks.length === 0) continue;
      legacy &&= family.legacy && blocks.every(({ state }) => state.legacy);
      families.push({ family: family.input, baseTaken: this.#isBaseTaken(family.input), blocks });
    }
    return { families, legacy };
  }

  #isBaseTaken({ name, type }: FamilyHeader): boolean {
    return type === 'counter' && name.endsWith('_total') && this.#names.has(name.slice(0, -'_total'.length));
  }

  #known(input: FamilyHeader): FamilySeries | undefined {
    const known = this.#families.get(input.name);
    return known !== undefined && isSame(known.input, input) ? known : undefined;
  }

  #family(input: FamilyHeader): FamilySeries {
    const known = this.#known(input);
    if (known !== undefined) return known;
    for (const name of this.#names.conflicts(input)) this.#forgetUnused(name);
    this.#names.declare(input);
    const family = new FamilySeries(input, this.#blockBytes);
    this.#families.set(input.name, family);
    this.#sorted = undefined;
    return family;
  }

  /** A name that was declared with its samples is free again when they are gone: the files of other programs change. */
  #forgetUnused(name: string): void {
    if (this.#fixed.has(name) || this.#families.get(name)?.isEmpty !== true) return;
    this.#names.forget(name);
    this.#families.delete(name);
    this.#sorted = undefined;
  }
}

function viewOf(state: BlockState, collectors: ReadonlySet<string> | undefined): BlockView | undefined {
  if (collectors === undefined) return { state };
  const runs: [number, number][] = [];
  state.series.forEach((series, i) => {
    if (!isOf(series, collectors)) return;
    const last = runs.at(-1);
    if (last?.[1] === i) last[1] = i + 1;
    else runs.push([i, i + 1]);
  });
  if (runs.length === 0) return undefined;
  const [first] = runs;
  return first?.[0] === 0 && first[1] === state.series.length ? { state } : { state, runs };
}

function isOf({ owner }: Series, collectors: ReadonlySet<string>): boolean {
  return collectors.has(owner.collector);
}
