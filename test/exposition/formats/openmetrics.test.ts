import { describe, expect, it } from '@jest/globals';
import type { Sample } from '../../../src/exposition/table/samples.ts';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { renderText } from '../../support/render-text.ts';
import { canonicalFloat } from '../../../src/exposition/formats/text-lines.ts';
import { parseOpenMetrics } from '../../support/exposition/openmetrics-parser.ts';

const OPENMETRICS = { openMetrics: true, escaping: 'underscores' } as const;

function openMetrics(samples: readonly Sample[]): string {
  const table = new SeriesTable();
  table.group().replace(samples);
  return renderText(table.snapshot(), OPENMETRICS);
}

const counter = (name: string): Sample => ({
  family: { name, type: 'counter', help: 'Counted.' },
  labels: {},
  value: 1,
});

describe('OpenMetrics', () => {
  it('names a counter without _total, and keeps it in the sample', () => {
    expect(openMetrics([counter('requests_total')])).toBe(
      '# HELP requests Counted.\n# TYPE requests counter\nrequests_total 1\n# EOF\n',
    );
  });

  it('types a counter of another name as unknown, like an untyped family', () => {
    const text = openMetrics([
      counter('requests'),
      { family: { name: 'size', type: 'untyped', help: 'x' }, labels: {}, value: 1 },
    ]);
    expect([...parseOpenMetrics(text)].map(([name, { type }]) => [name, type])).toEqual([
      ['requests', 'unknown'],
      ['size', 'unknown'],
    ]);
  });

  it('types a counter as unknown when its base name is another family', () => {
    const text = openMetrics([
      counter('requests_total'),
      { family: { name: 'requests', type: 'gauge', help: 'Now.' }, labels: {}, value: 3 },
    ]);
    expect([...parseOpenMetrics(text)].map(([name, { type }]) => [name, type])).toEqual([
      ['requests', 'gauge'],
      ['requests_total', 'unknown'],
    ]);
  });

  it.each([
    ['wait_seconds_total', 'seconds'],
    ['sent_bytes_total', 'bytes'],
    ['used_ratio_total', 'ratio'],
    ['seconds_total', undefined],
    ['requests_total', undefined],
  ])('gives the counter %s the unit %s', (name, unit) => {
    const [family] = parseOpenMetrics(openMetrics([counter(name)])).values();
    expect(family?.unit).toBe(unit);
  });

  it('writes exemplars on buckets, except those that are too long', () => {
    const exemplar = (run_id: string) => ({ labels: { run_id }, value: 0.3, timestampMs: 1_700_000_000_123 });
    const text = openMetrics([
      {
        family: { name: 'run_seconds', type: 'histogram', help: 'x' },
        labels: {},
        value: {
          bounds: [0.25, 1],
          counts: [1, 2, 3],
          sum: 4,
          exemplars: [undefined, exemplar('abc'), exemplar('x'.repeat(123))],
        },
      },
    ]);
    expect(text).toContain('run_seconds_bucket{le="1.0"} 2 # {run_id="abc"} 0.3 1700000000.123\n');
    const samples = parseOpenMetrics(text).get('run_seconds')?.samples;
    expect(samples?.map((sample) => sample.exemplar?.labels)).toEqual([
      undefined,
      { run_id: 'abc' },
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is empty, without EOF, when there is nothing to expose', () => {
    expect(openMetrics([])).toBe('');
  });

  it.each([
    [1, '1.0'],
    [0, '0.0'],
    [-0.25, '-0.25'],
    [100_000, '100000.0'],
    [1e6, '1e+06'],
    [1_234_567, '1.234567e+06'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [1e300, '1e+300'],
    [Infinity, '+Inf'],
  ])('writes the bound %d as %s', (bound, text) => {
    expect(canonicalFloat(bound)).toBe(text);
  });
});
