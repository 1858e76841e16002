import { sample, type Family, type FamilyType, type Sample } from '../metrics/family.ts';
import { TextfileError } from './textfile-line.ts';
import type { TextFamily } from './textfile-parser.ts';
import { identityOf } from './textfile-shapes.ts';

const NO_HELP = 'Read from a textfile.';

/** What a name stands for while this process lives: the exposition knows a family by it. */
export type Declared = Map<string, Pick<Family, 'type' | 'help'>>;

interface Member {
  readonly family: TextFamily;
  readonly file: string;
}

/** The families of several files together: no two mean the same name differently, no series is there twice. */
export class TextfileNames {
  readonly #reserved: ReadonlyMap<string, string>;
  readonly #declared: Declared;
  readonly #members = new Map<string, Member[]>();
  /** Every name that a line may begin with, and the family it belongs to. */
  readonly #lineNames = new Map<string, string>();
  readonly #series = new Map<string, string>();

  constructor(reserved: ReadonlyMap<string, string>, declared: Declared) {
    this.#reserved = reserved;
    this.#declared = declared;
  }

  /** Takes all of a file in, or nothing. @throws {TextfileError} that says what it is at odds with */
  add(file: string, families: readonly TextFamily[]): void {
    const own = new Set<string>();
    const ownLineNames = new Map(this.#lineNames);
    for (const family of families) {
      this.#requireOwnName(family, ownLineNames);
      for (const name of lineNames(family)) ownLineNames.set(name, family.name);
      this.#requireSameMeaning(family);
      for (const { labels, line } of family.series) {
        const identity = family.name + identityOf(labels);
        const other = own.has(identity) ? 'this file' : this.#series.get(identity);
        if (other !== undefined)
          throw new TextfileError(
            line,
            `${family.name} twice with the same labels: it is in ${other} already`,
          );
        own.add(identity);
      }
    }
    for (const identity of own) this.#series.set(identity, file);
    for (const family of families) {
      for (const name of lineNames(family)) this.#lineNames.set(name, family.name);
      const members = this.#members.get(family.name) ?? [];
      this.#members.set(family.name, members);
      members.push({ family, file });
    }
  }

  /** All that was taken in. */
  samples(): Sample[] {
    return [...this.#members].flatMap(([name, members]) => {
      const declared = this.#declare(name, members);
      const labels = new Set(
        members.flatMap(({ family }) => family.series.flatMap((one) => Object.keys(one.labels))),
      );
      const family: Family = { name, ...declared, labels: [...labels] };
      return members.flatMap(({ family: { series } }) =>
        series.map((one) => sample(family, one.value, one.labels)),
      );
    });
  }

  #declare(name: string, members: readonly Member[]): Pick<Family, 'type' | 'help'> {
    const known = this.#declared.get(name);
    if (known !== undefined) return known;
    const type: FamilyType = members[0]?.family.type ?? 'untyped';
    const help = members.map(({ family }) => family.help).find((text) => text !== undefined) ?? NO_HELP;
    this.#declared.set(name, { type, help });
    return { type, help };
  }

  #requireOwnName(family: TextFamily, taken: ReadonlyMap<string, string>): void {
    for (const name of lineNames(family)) {
      const ours = this.#reserved.get(name);
      if (ours !== undefined)
        throw new TextfileError(
          family.line,
          `${family.name}: Tocsin has ${ours} itself, whose lines may be named ${name}; expected another name`,
        );
      const other = taken.get(name);
      if (other !== undefined && other !== family.name)
        throw new TextfileError(
          family.line,
          `${family.name} and ${other} would both have lines named ${name}; expected another name`,
        );
    }
  }

  #requireSameMeaning({ name, type, help, line }: TextFamily): void {
    for (const { family, file } of this.#members.get(name) ?? []) {
      if (family.type !== type)
        throw new TextfileError(
          line,
          `${name} is a ${type} here and a ${family.type} in ${file}; expected one type`,
        );
      if (family.help !== undefined && help !== undefined && family.help !== help)
        throw new TextfileError(line, `${name} has another HELP in ${file}; expected the same`);
    }
    const before = this.#declared.get(name);
    if (before !== undefined && before.type !== type)
      throw new TextfileError(
        line,
        `${name} is a ${type} now and was a ${before.type} since Tocsin was started; rename it, or restart Tocsin`,
      );
  }
}

/** The names that the lines of a family may begin with. */
export function lineNames({ name, type }: Pick<Family, 'name' | 'type'>): string[] {
  if (type === 'histogram') return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`];
  return type === 'summary' ? [name, `${name}_sum`, `${name}_count`] : [name];
}
