import { escapeFamily, ESCAPINGS, isLegacyFamily, isName } from './name-escaping.ts';
import type { FamilyHeader } from './samples.ts';

/** The families of one exposition: names are unique, and no line can belong to two families. */
export class FamilyNames {
  readonly #families = new Map<string, FamilyHeader>();
  /** Every name that a line may begin with, and the family it belongs to. */
  readonly #lineNames = new Map<string, string>();

  /**
   * Adds a family; adding the same one again has no effect.
   * @throws Error when the name is used by another family, or is not a valid name
   */
  declare(family: FamilyHeader): void {
    const known = this.#families.get(family.name);
    if (known === family) return;
    if (known !== undefined) {
      requireSame(known, family);
      return;
    }
    if (!isName(family.name)) {
      throw new Error(`"${family.name}" is not a metric name; expected some text`);
    }
    const names = lineNames(family);
    for (const name of names) {
      const owner = this.#lineNames.get(name);
      if (owner !== undefined) {
        throw new Error(
          `family ${family.name} and family ${owner} would both have lines named ${name}; rename one`,
        );
      }
    }
    for (const name of names) this.#lineNames.set(name, family.name);
    this.#families.set(family.name, family);
  }

  /** The families that this one cannot be beside: another meaning of its name, or lines of the same name. */
  conflicts(family: FamilyHeader): readonly string[] {
    const known = this.#families.get(family.name);
    if (known !== undefined && isSame(known, family)) return [];
    return [...new Set([...lineNames(family)].flatMap((name) => this.#lineNames.get(name) ?? []))];
  }

  /** Gives back a name that nothing is exposed under. */
  forget(name: string): void {
    const known = this.#families.get(name);
    if (known === undefined) return;
    for (const line of lineNames(known)) this.#lineNames.delete(line);
    this.#families.delete(name);
  }

  /** Whether lines of some family begin with this name. */
  has(name: string): boolean {
    return this.#lineNames.has(name);
  }
}

/** The names of a family's lines under every escaping scheme. */
function lineNames(family: FamilyHeader): ReadonlySet<string> {
  const { name } = family;
  const names = isLegacyFamily(name) ? [name] : ESCAPINGS.map((escaping) => escapeFamily(name, escaping));
  return new Set(names.flatMap((each) => memberNames(each, family.type)));
}

function memberNames(name: string, type: FamilyHeader['type']): readonly string[] {
  if (type === 'histogram') return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`];
  if (type === 'summary') return [name, `${name}_sum`, `${name}_count`];
  return [name];
}

/** Whether two declarations mean the same. */
export function isSame(one: FamilyHeader, other: FamilyHeader): boolean {
  return one === other || (one.type === other.type && one.help === other.help);
}

function requireSame(known: FamilyHeader, family: FamilyHeader): void {
  if (known.type !== family.type) {
    throw new Error(
      `family ${family.name} is declared as ${known.type} and as ${family.type}; give it one type or two names`,
    );
  }
  if (known.help !== family.help) {
    throw new Error(
      `family ${family.name} is declared with two help texts, "${known.help}" and "${family.help}"; share one declaration`,
    );
  }
}
