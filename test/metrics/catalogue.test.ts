import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { hostFamilies } from '../../src/host/registry.ts';
import { catalogue, type CatalogueSources } from '../../src/metrics/catalogue.ts';
import { checkFamilies } from '../../src/metrics/check-families.ts';
import type { Family } from '../../src/metrics/family.ts';
import { createSelfMetrics } from '../../src/metrics/self/self-metrics.ts';
import { RUN_FAMILIES } from '../../src/probes/families.ts';
import { probers } from '../../src/probes/registry.ts';

const sources: CatalogueSources = {
  probers: [...probers, { families: RUN_FAMILIES }],
  hostFamilies,
  selfFamilies: createSelfMetrics({ version: '0.0.0', node: process.version }).families,
  checkFamilies,
};
const CHECK_LABELS = ['service', 'target', 'prober', 'group'];

/** The rows of the tables in docs/metrics.md: `| name | type | labels | meaning |`. */
function documented(): Map<string, { type: string; labels: string[]; meaning: string }> {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8');
  const rows = new Map<string, { type: string; labels: string[]; meaning: string }>();
  for (const [, name = '', type = '', labels = '', meaning = ''] of text.matchAll(
    /^\| `([a-zA-Z0-9_]+)` +\| (\w+) +\| (.*?) *\| (.*?) *\|$/gm,
  )) {
    if (rows.has(name)) throw new Error(`docs/metrics.md has two rows for ${name}`);
    rows.set(name, {
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label),
      meaning,
    });
  }
  return rows;
}

/** The labels that the docs list: those of a check are listed once, above the tables. */
function ownLabels({ labels }: Family): string[] {
  return labels.includes('prober') ? labels.filter((label) => !CHECK_LABELS.includes(label)) : [...labels];
}

describe('the catalogue', () => {
  it('has every family once, by name, and each is valid', () => {
    const families = catalogue(sources);
    const names = families.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
    for (const { name, type, labels, help } of families) {
      expect(help).not.toBe('');
      if (name.startsWith('tocsin_'))
        expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
      for (const reserved of ['job', 'instance', 'alertname', 'le', 'quantile'])
        expect(labels).not.toContain(reserved);
    }
  });

  const up: Family = { name: 'up', type: 'gauge', help: 'Up.', labels: ['a', 'b'] };
  const none = { probers: [], hostFamilies: [], selfFamilies: [], checkFamilies: [] };

  it('accepts one family from several probers', () => {
    const same = { ...up, labels: ['b', 'a'] };
    expect(catalogue({ ...none, probers: [{ families: [up] }, { families: [same] }] })).toEqual([up]);
  });

  it.each([
    ['type', { ...up, type: 'counter' as const }],
    ['help', { ...up, help: 'Down.' }],
    ['labels', { ...up, labels: ['a'] }],
  ])('refuses one name with another %s', (_what, other) => {
    expect(() => catalogue({ ...none, probers: [{ families: [up] }], hostFamilies: [other] })).toThrow(
      /family up/,
    );
  });
});

describe('docs/metrics.md', () => {
  it('has a row for every family, with its type and labels, and no other', () => {
    const rows = documented();
    const families = catalogue(sources);
    const listed = [...rows].map(([name, { type, labels }]) => ({ name, type, labels: [...labels].sort() }));
    const real = families.map((family) => ({
      name: family.name,
      type: family.type,
      labels: ownLabels(family).sort(),
    }));
    expect(listed.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(real);
    for (const [name, { meaning }] of rows)
      expect({ name, length: meaning.length > 3 }).toEqual({ name, length: true });
  });
});
