import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Sample } from '../../../src/exposition/table/samples.ts';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { renderText } from '../../support/render-text.ts';
import { parseText } from '../../support/exposition/exposition-parser.ts';

const up = { name: 'up', type: 'gauge', help: 'Whether it is up.' } as const;
const runs = { name: 'runs_total', type: 'counter', help: 'Runs.' } as const;
const seconds = { name: 'run_seconds', type: 'histogram', help: 'How long.' } as const;

const text = (table: SeriesTable) => renderText(table.snapshot());
const gauge = (value: number, labels: Record<string, string> = {}): Sample => ({
  family: up,
  labels,
  value,
});

describe('the series table', () => {
  it('renders families by name, labels by name, series by labels', () => {
    const table = new SeriesTable();
    table
      .group()
      .replace([
        gauge(1, { b: '2', a: '1' }),
        gauge(0, { a: '0', b: '3' }),
        { family: runs, labels: {}, value: 7 },
      ]);
    expect(text(table)).toBe(
      '# HELP runs_total Runs.\n# TYPE runs_total counter\nruns_total 7\n' +
        '# HELP up Whether it is up.\n# TYPE up gauge\nup{a="0",b="3"} 0\nup{a="1",b="2"} 1\n',
    );
  });

  it('expands a histogram to buckets, sum and count', () => {
    const table = new SeriesTable();
    table
      .group()
      .replace([
        { family: seconds, labels: { job: 'x' }, value: { bounds: [0.1, 1], counts: [1, 3, 4], sum: 2.5 } },
      ]);
    expect(text(table)).toBe(
      '# HELP run_seconds How long.\n# TYPE run_seconds histogram\n' +
        'run_seconds_bucket{job="x",le="0.1"} 1\nrun_seconds_bucket{job="x",le="1"} 3\n' +
        'run_seconds_bucket{job="x",le="+Inf"} 4\nrun_seconds_sum{job="x"} 2.5\nrun_seconds_count{job="x"} 4\n',
    );
  });

  it('writes a histogram again when its bounds change', () => {
    const table = new SeriesTable();
    const group = table.group();
    group.replace([{ family: seconds, labels: {}, value: { bounds: [1], counts: [1, 1], sum: 1 } }]);
    group.replace([{ family: seconds, labels: {}, value: { bounds: [1, 2], counts: [1, 1, 1], sum: 1 } }]);
    expect(parseText(text(table)).get('run_seconds')?.samples).toHaveLength(5);
  });

  it('lets several groups fill one family, each replacing only its own samples', () => {
    const table = new SeriesTable();
    const [one, other] = [table.group(), table.group()];
    one.replace([gauge(1, { of: 'one' }), gauge(1, { of: 'one', more: 'yes' })]);
    other.replace([gauge(2, { of: 'other' })]);
    one.replace([gauge(3, { of: 'one' })]);
    expect(text(table)).toContain('gauge\nup{of="one"} 3\nup{of="other"} 2\n');
    other.clear();
    expect(text(table)).toContain('gauge\nup{of="one"} 3\n');
    one.clear();
    expect(text(table)).toBe('');
  });

  it('exposes a series of two groups once, and reports the second', () => {
    const dropped: string[] = [];
    const table = new SeriesTable({ onDropped: (family) => dropped.push(family) });
    const [one, other] = [table.group(), table.group()];
    one.replace([gauge(1, { a: 'x' })]);
    other.replace([gauge(2, { a: 'x' }), gauge(3, { a: 'y' }), gauge(4, { a: 'y' })]);
    expect(dropped).toEqual(['up', 'up']);
    expect(text(table)).toContain('gauge\nup{a="x"} 1\nup{a="y"} 3\n');
    one.clear();
    other.replace([gauge(2, { a: 'x' })]);
    expect(text(table)).toContain('gauge\nup{a="x"} 2\n');
  });

  it('treats an empty label as absent, as Prometheus does', () => {
    const dropped: string[] = [];
    const table = new SeriesTable({ onDropped: (family) => dropped.push(family) });
    table.group().replace([gauge(1, { a: '' }), gauge(2)]);
    expect(dropped).toEqual(['up']);
    expect(text(table)).toContain('gauge\nup{a=""} 1\n');
  });

  it.each([
    ['type', { ...up, type: 'counter' as const }, /declared as gauge and as counter/],
    ['help', { ...up, help: 'Other.' }, /two help texts/],
  ])('refuses a family with another %s under the same name', (_what, family, message) => {
    const table = new SeriesTable();
    table.declare([up, { ...up }]);
    expect(() => table.declare([family])).toThrow(message);
  });

  it('refuses a family whose lines could be taken for those of a histogram', () => {
    const table = new SeriesTable();
    table.declare([seconds]);
    expect(() => table.declare([{ name: 'run_seconds_count', type: 'gauge', help: 'x' }])).toThrow(
      /rename one/,
    );
    expect(() => table.declare([{ name: '', type: 'gauge', help: 'x' }])).toThrow(/not a metric name/);
  });

  it('changes nothing when one sample of many is wrong', () => {
    const table = new SeriesTable();
    const group = table.group();
    group.replace([gauge(1)]);
    expect(() => group.replace([gauge(2), gauge(3, { __name__: 'x' })])).toThrow(/not a label name/);
    expect(() => group.replace([gauge(2), { family: seconds, labels: {}, value: 1 }])).toThrow(
      /value of the wrong type/,
    );
    expect(text(table)).toContain('gauge\nup 1\n');
  });

  it('keeps a snapshot unchanged while the table changes', () => {
    const table = new SeriesTable();
    const group = table.group();
    group.replace([gauge(1, { a: 'x' })]);
    const snapshot = table.snapshot();
    group.replace([gauge(2, { a: 'x' }), gauge(2, { a: 'y' })]);
    expect(renderText(snapshot)).toContain('up{a="x"} 1\n');
    expect(renderText(snapshot)).not.toContain('a="y"');
  });

  it('selects series by the collector of their group', () => {
    const table = new SeriesTable();
    table.group('cpu').replace([gauge(1, { of: 'cpu' })]);
    table.group().replace([gauge(2), { family: runs, labels: {}, value: 1 }]);
    const snapshot = table.snapshot(new Set(['cpu']));
    expect(
      parseText(renderText(snapshot))
        .get('up')
        ?.samples.map(({ value }) => value),
    ).toEqual([1]);
  });
});

const anyText = fc.string({ unit: 'binary', maxLength: 12 });
const anyLabels = fc.dictionary(
  fc.stringMatching(/^[a-df-z_][a-z0-9_]{0,3}$/),
  fc.oneof(anyText, fc.string({ unit: fc.constantFrom('\\', '"', '\n', '{', '}', ',', 'é', '\ud800') })),
  { maxKeys: 4 },
);

describe('any table', () => {
  it('survives a round trip through an independent parser', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(anyLabels, fc.double()), {
          selector: ([labels]) => identity(labels),
          maxLength: 12,
        }),
        anyText,
        (series, help) => {
          const family = { name: 'any_metric', type: 'untyped' as const, help };
          const table = new SeriesTable();
          table.group().replace(series.map(([labels, value]) => ({ family, labels, value })));
          const parsed = parseText(text(table)).get('any_metric');
          if (series.length === 0) {
            expect(parsed).toBeUndefined();
            return;
          }
          expect(parsed?.help).toBe(wellFormed(help));
          const read = new Map(parsed?.samples.map((one) => [identity(one.labels), one.value]));
          expect(read.size).toBe(series.length);
          for (const [labels, value] of series) expect(read.get(identity(labels))).toBe(value);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('renders histograms that the parser finds complete', () => {
    const histogram = fc
      .uniqueArray(fc.double({ noNaN: true, noDefaultInfinity: true }), {
        maxLength: 8,
        selector: (n) => n + 0,
      })
      .chain((bounds) =>
        fc.record({
          bounds: fc.constant([...bounds].sort((a, b) => a - b)),
          steps: fc.array(fc.nat(1000), { minLength: bounds.length + 1, maxLength: bounds.length + 1 }),
          sum: fc.double(),
        }),
      );
    fc.assert(
      fc.property(histogram, anyLabels, ({ bounds, steps, sum }, labels) => {
        let total = 0;
        const counts = steps.map((step) => (total += step));
        const table = new SeriesTable();
        table.group().replace([{ family: seconds, labels, value: { bounds, counts, sum } }]);
        const samples = parseText(text(table)).get('run_seconds')?.samples ?? [];
        expect(samples.at(-1)?.value).toBe(total);
        expect(samples.at(-2)?.value).toBe(sum);
      }),
    );
  });

  it('has the same bytes after any replacements that end in the same samples', () => {
    const sampleOf = ([a, value]: readonly [string, number]) => gauge(value, { a });
    const some = fc.uniqueArray(fc.tuple(fc.constantFrom('p', 'q', 'r', 's', 't'), fc.integer()), {
      selector: ([a]) => a,
    });
    fc.assert(
      fc.property(fc.array(some), some, (history, last) => {
        const [table, fresh] = [new SeriesTable(), new SeriesTable()];
        const group = table.group();
        for (const samples of history) group.replace(samples.map(sampleOf));
        group.replace(last.map(sampleOf));
        fresh.group().replace([...last].reverse().map(sampleOf));
        expect(text(table)).toBe(text(fresh));
      }),
    );
  });

  it('drops the definition of a family when its samples are gone: another type or help, or lines of another family', () => {
    const declared = { name: 'a_sum', help: 'x' } as const;
    const one: readonly Sample[] = [
      { family: { name: 'a', type: 'gauge', help: 'x' }, labels: {}, value: 1 },
      { family: { name: 'a', type: 'gauge', help: 'y' }, labels: { l: '1' }, value: 2 },
      { family: { name: 'a', type: 'counter', help: 'x' }, labels: {}, value: 3 },
      {
        family: { name: 'a', type: 'summary', help: 'x' },
        labels: {},
        value: { quantiles: [], values: [], sum: 1, count: 1 },
      },
      { family: { ...declared, type: 'gauge' }, labels: {}, value: 4 },
      { family: { ...declared, type: 'counter' }, labels: {}, value: 5 },
    ];
    fc.assert(
      fc.property(
        fc.array(fc.subarray([0, 1, 2, 3, 4, 5], { maxLength: 1 }), { minLength: 1 }),
        (history) => {
          const [table, fresh] = [new SeriesTable(), new SeriesTable()];
          const other = [gauge(1, { other: 'group' })];
          for (const each of [table, fresh]) each.group().replace(other);
          const group = table.group();
          const samples = (chosen: readonly number[]) => one.filter((_, i) => chosen.includes(i));
          for (const chosen of history) group.replace(samples(chosen));
          fresh.group().replace(samples(history.at(-1) ?? []));
          expect(text(table)).toBe(text(fresh));
        },
      ),
    );
  });

  it('does not let others use the name of a declared family, or of another group', () => {
    const table = new SeriesTable();
    table.declare([up]);
    table.group().replace([{ family: runs, labels: {}, value: 1 }]);
    const taken = (family: Sample['family']) => () =>
      table.group().replace([{ family, labels: {}, value: 1 }]);
    expect(taken({ ...up, type: 'counter' })).toThrow('give it one type or two names');
    expect(taken({ ...runs, type: 'gauge' })).toThrow('give it one type or two names');
  });
});

function wellFormed(value: string): string {
  return Buffer.from(value).toString();
}

function identity(labels: Readonly<Record<string, string>>): string {
  const set = Object.entries(labels).filter(([, value]) => value !== '');
  return JSON.stringify(set.map(([name, value]) => [name, wellFormed(value)]).sort());
}
