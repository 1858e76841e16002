import { FamilyNames } from '../exposition/table/family-names.ts';
import type { Family } from './family.ts';

export interface CatalogueSources {
  readonly probers: readonly { readonly families: readonly Family[] }[];
  readonly hostFamilies: readonly Family[];
  readonly selfFamilies: readonly Family[];
  readonly checkFamilies: readonly Family[];
}

/**
 * Every family that Tocsin may expose, each once, sorted by name. Docs, rules and dashboards are checked against it.
 * @throws Error when one name is declared with two meanings
 */
export function catalogue(sources: CatalogueSources): readonly Family[] {
  const { probers, hostFamilies, selfFamilies, checkFamilies } = sources;
  const names = new FamilyNames();
  const families = new Map<string, Family>();
  const ofProbers = probers.flatMap((prober) => prober.families);
  for (const family of [...checkFamilies, ...ofProbers, ...hostFamilies, ...selfFamilies]) {
    names.declare(family);
    const known = families.get(family.name);
    if (known !== undefined) requireSameLabels(known, family);
    else families.set(family.name, family);
  }
  return [...families.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function requireSameLabels(known: Family, family: Family): void {
  const [one, other] = [known, family].map(({ labels }) => [...labels].sort().join(', '));
  if (one !== other) {
    throw new Error(
      `family ${family.name} is declared with the labels [${one}] and [${other}]; share one declaration`,
    );
  }
}
