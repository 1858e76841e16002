import type { FamilyInput } from './series.ts';

const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** The families of one exposition: a name means one thing, and no two families' lines can be mistaken for each other. */
export class FamilyNames {
  readonly #families = new Map<string, FamilyInput>();
  /** Every name that a line may begin with, and the family it belongs to. */
  readonly #lineNames = new Map<string, string>();

  /**
   * Takes a family in; the same one again is fine.
   * @throws Error when the name stands for something else already, or is none
   */
  declare(family: FamilyInput): void {
    const known = this.#families.get(family.name);
    if (known === family) return;
    if (known !== undefined) {
      requireSame(known, family);
      return;
    }
    if (!METRIC_NAME.test(family.name)) {
      throw new Error(`"${family.name}" is not a metric name; expected letters, digits, _ and :`);
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
}

function lineNames({ name, type }: FamilyInput): readonly string[] {
  return type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name];
}

function requireSame(known: FamilyInput, family: FamilyInput): void {
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
