import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { samplesText } from '../../../src/exposition/formats/text.ts';
import { sample, type Family } from '../../../src/metrics/family.ts';
import { parseText } from '../../support/exposition/exposition-parser.ts';
import { plainExposition } from '../../support/exposition/plain-exposition.ts';

const gauge = (name: string, labels: readonly string[] = []): Family => ({
  name,
  type: 'gauge',
  help: 'a \\ and\na line',
  labels,
});

describe('the text of a run', () => {
  it('has each family once, ordered by name, escaped', () => {
    const b = gauge('probe_b', ['x']);
    const text = samplesText([
      sample(b, 2, { x: 'a"b\\c\nd' }),
      sample(gauge('probe_a'), NaN),
      sample(b, Infinity, { x: '' }),
    ]);
    expect(text).toBe(
      [
        '# HELP probe_a a \\\\ and\\na line',
        '# TYPE probe_a gauge',
        'probe_a NaN',
        '# HELP probe_b a \\\\ and\\na line',
        '# TYPE probe_b gauge',
        'probe_b{x=""} +Inf',
        'probe_b{x="a\\"b\\\\c\\nd"} 2',
        '',
      ].join('\n'),
    );
  });

  it('survives a round trip for any labels and values', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string()), fc.double(), (values, number) => {
        const family = gauge('probe_x', ['l']);
        const text = samplesText(values.map((l) => sample(family, number, { l })));
        const read = parseText(text).get('probe_x')?.samples ?? [];
        expect(read.map(({ labels }) => labels['l']).sort()).toEqual([...values].sort());
        for (const { value } of read) expect(Object.is(value, number) || value === number).toBe(true);
      }),
    );
  });

  it('is that of the table, for any samples', () => {
    const [a, b] = [gauge('probe_a', ['l']), gauge('probe_b', ['l', 'm'])];
    const anySample = fc.record({
      family: fc.constantFrom(a, b),
      l: fc.string({ unit: 'binary' }),
      m: fc.string(),
      value: fc.double(),
    });
    const anySamples = fc.uniqueArray(anySample, {
      selector: ({ family, l, m }) => JSON.stringify([family.name, l, family === b ? m : '']),
    });
    fc.assert(
      fc.property(anySamples, (given) => {
        const samples = given.map(({ family, l, m, value }) =>
          sample(family, value, family === b ? { m, l } : { l }),
        );
        expect(samplesText(samples)).toBe(plainExposition(samples, false));
      }),
    );
  });
});
