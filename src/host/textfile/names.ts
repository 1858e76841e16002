import { sample, type Family, type FamilyType, type Sample } from '../../metrics/family.ts';
import { TextfileError } from './line.ts';
import type { TextFamily } from './parser.ts';
import { identityOf } from './shapes.ts';

const NO_HELP = 'Read from a textfile.';

interface Member {
  readonly family: TextFamily;
  readonly file: string;
}

/** The families of several files together: the same name has one meaning, and no series appears twice. */
export class TextfileNames {
  readonly #reserved: ReadonlyMap<string, string>;
  readonly #members = new Map<string, Member[]>();
  /** Every name that a line may begin with, and the family it belongs to. */
  readonly #lineNames = new Map<string, string>();
  readonly #series = new Map<string, string>();

  constructor(reserved: ReadonlyMap<string, string>) {
    this.#reserved = reserved;
  }

  /**
   * Adds what does not conflict with anything added before.
   * @returns the conflicts: families and series that are left out
   */
  add(file: string, families: readonly TextFamily[]): TextfileError[] {
    return families.flatMap((family) => {
      const clash = this.#nameClash(family) ?? this.#typeClash(family);
      return clash === undefined ? this.#addSeries(file, family) : [clash];
    });
  }

  /** The samples of everything that was added. */
  samples(): Sample[] {
    return [...this.#members].flatMap(([name, members]) => {
      const type: FamilyType = members[0]?.family.type ?? 'untyped';
      const help = members.map(({ family }) => family.help).find((text) => text !== undefined) ?? NO_HELP;
      const labels = new Set(
        members.flatMap(({ family }) => family.series.flatMap((one) => Object.keys(one.labels))),
      );
      const family: Family = { name, type, help, labels: [...labels] };
      return members.flatMap(({ family: { series } }) =>
        series.map((one) => sample(family, one.value, one.labels)),
      );
    });
  }

  #addSeries(file: string, family: TextFamily): TextfileError[] {
    const problems: TextfileError[] = [];
    const series = family.series.filter(({ labels, line }) => {
      const identity = family.name + identityOf(labels);
      const other = this.#series.get(identity);
      if (other === undefined) this.#series.set(identity, file);
      else problems.push(twice(family.name, line, other === file ? 'this file' : other));
      return other === undefined;
    });
    if (series.length > 0) {
      for (const name of lineNames(family)) this.#lineNames.set(name, family.name);
      const members = this.#members.get(family.name) ?? [];
      this.#members.set(family.name, members);
      members.push({ family: { ...family, series }, file });
    }
    return problems;
  }

  #nameClash(family: TextFamily): TextfileError | undefined {
    for (const name of lineNames(family)) {
      const ours = this.#reserved.get(name);
      if (ours !== undefined)
        return new TextfileError(
          family.line,
          `${family.name}: the name ${name} is used by Tocsin's own family ${ours}; expected another name`,
        );
      const other = this.#lineNames.get(name);
      if (other !== undefined && other !== family.name)
        return new TextfileError(
          family.line,
          `${family.name} and ${other} would both have lines named ${name}; expected another name`,
        );
    }
    return undefined;
  }

  #typeClash({ name, type, line }: TextFamily): TextfileError | undefined {
    const other = this.#members.get(name)?.find(({ family }) => family.type !== type);
    if (other === undefined) return undefined;
    return new TextfileError(
      line,
      `${name} is a ${type} here and a ${other.family.type} in ${other.file}; expected one type`,
    );
  }
}

function twice(name: string, line: number, other: string): TextfileError {
  return new TextfileError(line, `duplicate ${name} with the same labels: already in ${other}`);
}

/** The names that the lines of a family may begin with. */
export function lineNames({ name, type }: Pick<Family, 'name' | 'type'>): string[] {
  if (type === 'histogram') return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`];
  return type === 'summary' ? [name, `${name}_sum`, `${name}_count`] : [name];
}
