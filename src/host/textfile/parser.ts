import type { FamilyType, Labels, Sample } from '../../metrics/family.ts';
import { parseLine, TextfileError, type SampleLine } from './line.ts';
import { assembleHistograms, assembleSummaries, type AssembledFamily } from './shapes.ts';

/** A series of a textfile. */
export interface TextSeries {
  readonly labels: Labels;
  readonly value: Sample['value'];
  /** The line where it begins, from 1. */
  readonly line: number;
}

/** A family of a textfile. */
export interface TextFamily {
  readonly name: string;
  readonly type: FamilyType;
  readonly help: string | undefined;
  /** The line where it is named first, from 1. */
  readonly line: number;
  readonly series: readonly TextSeries[];
  /** Invalid series of it. */
  readonly problems: readonly TextfileError[];
}

const TYPES: readonly FamilyType[] = ['counter', 'gauge', 'histogram', 'summary', 'untyped'];

interface Draft {
  readonly name: string;
  readonly line: number;
  type: FamilyType | undefined;
  help: string | undefined;
  readonly samples: SampleLine[];
}

/** Suffixes of the family's name in the names of its samples. */
const SUFFIXES: Readonly<Partial<Record<FamilyType, readonly string[]>>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['_sum', '_count'],
};

/** How several lines are assembled to one series. */
const ASSEMBLE: Readonly<
  Partial<Record<FamilyType, (name: string, samples: readonly SampleLine[]) => AssembledFamily>>
> = { histogram: assembleHistograms, summary: assembleSummaries };

/**
 * Reads one file in Prometheus's text format 0.0.4, line by line, strictly: no timestamps, each TYPE and HELP once and
 * before its samples. Duplicate series and families are not detected here.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
 */
export class TextfileParser {
  readonly #drafts = new Map<string, Draft>();
  #line = 0;

  /** @throws {TextfileError} for a line that is invalid, or that contradicts those before */
  take(text: string): void {
    this.#line += 1;
    const parsed = parseLine(text, this.#line);
    if (parsed === undefined) return;
    if ('value' in parsed) this.#home(parsed.name).samples.push(parsed);
    else if (parsed.keyword === 'TYPE') this.#declareType(parsed.name, parsed.text);
    else this.#declareHelp(parsed.name, parsed.text);
  }

  /** The families that have samples. @throws {TextfileError} for a line that a histogram or summary does not have */
  end(): TextFamily[] {
    return [...this.#drafts.values()]
      .filter(({ samples }) => samples.length > 0)
      .map(({ samples, type = 'untyped', ...rest }) => ({
        ...rest,
        type,
        ...(ASSEMBLE[type]?.(rest.name, samples) ?? { series: samples, problems: [] }),
      }));
  }

  #declareType(name: string, text: string): void {
    const type = TYPES.find((known) => known === text.trim().toLowerCase());
    if (type === undefined)
      throw new TextfileError(this.#line, `TYPE "${text.trim()}": expected ${TYPES.join(', ')}`);
    const draft = this.#draft(name);
    if (draft.type !== undefined)
      throw new TextfileError(this.#line, `duplicate TYPE of ${name}: expected one`);
    if (draft.samples.length > 0)
      throw new TextfileError(this.#line, `TYPE of ${name} after its samples: expected before them`);
    draft.type = type;
  }

  #declareHelp(name: string, text: string): void {
    const draft = this.#draft(name);
    if (draft.help !== undefined)
      throw new TextfileError(this.#line, `duplicate HELP of ${name}: expected one`);
    draft.help = text;
  }

  #draft(name: string): Draft {
    const known = this.#drafts.get(name);
    if (known !== undefined) return known;
    const draft: Draft = { name, line: this.#line, type: undefined, help: undefined, samples: [] };
    this.#drafts.set(name, draft);
    return draft;
  }

  /** The family that a sample belongs to: for `a_count` that may be `a`. */
  #home(name: string): Draft {
    for (const [type, suffixes] of Object.entries(SUFFIXES)) {
      const suffix = suffixes.find((end) => name.endsWith(end));
      const base = suffix === undefined ? undefined : this.#drafts.get(name.slice(0, -suffix.length));
      if (base?.type === type) return base;
    }
    return this.#draft(name);
  }
}
