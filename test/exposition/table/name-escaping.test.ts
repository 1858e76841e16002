import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  escapeFamily,
  escapeLabel,
  ESCAPINGS,
  isLegacyFamily,
  isLegacyLabel,
} from '../../../src/exposition/table/name-escaping.ts';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { renderText } from '../../support/render-text.ts';
import { parseText } from '../../support/exposition/exposition-parser.ts';
import { parseOpenMetrics } from '../../support/exposition/openmetrics-parser.ts';

const dotted = { name: 'my.metric_seconds', type: 'gauge', help: 'UTF-8.' } as const;

describe('escaping of names', () => {
  // the examples of client_golang's tests
  it.each([
    ['', 'values', 'U__'],
    ['no:escaping_required', 'underscores', 'no:escaping_required'],
    ['no:escaping_required', 'values', 'no:escaping_required'],
    ['mysystem.prod.west.cpu.load', 'underscores', 'mysystem_prod_west_cpu_load'],
    ['mysystem.prod.west.cpu.load', 'dots', 'mysystem_dot_prod_dot_west_dot_cpu_dot_load'],
    ['mysystem.prod.west.cpu.load', 'values', 'U__mysystem_2e_prod_2e_west_2e_cpu_2e_load'],
    ['mysystem.prod.west.cpu.load_total', 'dots', 'mysystem_dot_prod_dot_west_dot_cpu_dot_load__total'],
    ['mysystem.prod.west.cpu.load_total', 'values', 'U__mysystem_2e_prod_2e_west_2e_cpu_2e_load__total'],
    ['http.status:sum', 'dots', 'http_dot_status:sum'],
    ['label with 😱', 'underscores', 'label_with__'],
    ['label with 😱', 'dots', 'label__with____'],
    ['label with 😱', 'values', 'U__label_20_with_20__1f631_'],
    ['花火', 'values', 'U___82b1__706b_'],
    ['1st', 'underscores', '_st'],
    ['a.b', 'allow-utf-8', 'a.b'],
  ] as const)('writes %j with %s as %s', (name, escaping, written) => {
    expect(escapeFamily(name, escaping)).toBe(written);
  });

  it('allows a colon only in family names', () => {
    expect([escapeFamily('a:b', 'values'), escapeLabel('a:b', 'values')]).toEqual(['a:b', 'U__a_3a_b']);
  });

  it('makes valid names from any text', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 });
    fc.assert(
      fc.property(name, fc.constantFrom(...ESCAPINGS), (text, escaping) => {
        if (escaping === 'allow-utf-8') return;
        expect(isLegacyFamily(escapeFamily(text, escaping))).toBe(true);
        expect(isLegacyLabel(escapeLabel(text, escaping))).toBe(true);
      }),
    );
  });
});

describe('UTF-8 names', () => {
  const table = new SeriesTable();
  table.group().replace([
    { family: dotted, labels: { 'l.x': 'a"b', plain: 'c' }, value: 1 },
    { family: dotted, labels: {}, value: 2 },
    { family: { name: 'legacy', type: 'gauge', help: 'Old.' }, labels: { 'l.x': 'v' }, value: 3 },
  ]);

  it('are quoted for scrapers that support it', () => {
    const dialect = { openMetrics: true, escaping: 'allow-utf-8' } as const;
    const text = renderText(table.snapshot(), dialect);
    expect(text).toContain('# UNIT "my.metric_seconds" seconds\n');
    expect(text).toContain('{"my.metric_seconds"} 2\n');
    expect(text).toContain('{"my.metric_seconds","l.x"="a\\"b",plain="c"} 1\n');
    expect(text).toContain('legacy{"l.x"="v"} 3\n');
    expect(
      parseOpenMetrics(text)
        .get('my.metric_seconds')
        ?.samples.map(({ value }) => value),
    ).toEqual([2, 1]);
    const plain = renderText(table.snapshot(), { ...dialect, openMetrics: false });
    expect([...parseOpenMetrics(plain, { strict: false }).keys()]).toEqual(['legacy', 'my.metric_seconds']);
  });

  it.each([
    ['underscores', 'my_metric_seconds{l_x="a\\"b",plain="c"} 1\n'],
    ['dots', 'my_dot_metric__seconds{l_dot_x="a\\"b",plain="c"} 1\n'],
    ['values', 'U__my_2e_metric__seconds{U__l_2e_x="a\\"b",plain="c"} 1\n'],
  ] as const)('are escaped with %s for others', (escaping, line) => {
    const text = renderText(table.snapshot(), { openMetrics: false, escaping });
    expect(text).toContain(line);
    expect(parseText(text).size).toBe(2);
  });

  it('must not become the names of other families', () => {
    const names = new SeriesTable();
    names.declare([dotted]);
    expect(() => names.declare([{ ...dotted, name: 'my_metric_seconds' }])).toThrow(/rename one/);
    expect(() => names.declare([{ ...dotted, name: 'my-metric_seconds' }])).toThrow(/rename one/);
    const twice = { family: dotted, labels: { 'a.b': '1', a_b: '2' }, value: 1 };
    expect(() => names.group().replace([twice])).toThrow(/are the same with the escaping underscores/);
  });

  it('that become one series by escaping are exposed once', () => {
    const dropped: string[] = [];
    const names = new SeriesTable({ onDropped: (family) => dropped.push(family) });
    names.group().replace([
      { family: dotted, labels: { 'a.b': '1' }, value: 1 },
      { family: dotted, labels: { a_b: '1' }, value: 2 },
    ]);
    expect(dropped).toEqual([dotted.name]);
    expect(parseText(renderText(names.snapshot())).size).toBe(1);
  });
});
