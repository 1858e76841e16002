import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TextfileError } from '../../../src/host/textfile/line.ts';
import { TextfileParser, type TextFamily } from '../../../src/host/textfile/parser.ts';

function parse(text: string): TextFamily[] {
  const parser = new TextfileParser();
  for (const line of text.split('\n')) parser.take(line);
  return parser.end();
}

const name = fc
  .stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/)
  .filter((text) => !/_(sum|count|bucket)$/.test(text));
const labelName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/).filter((text) => text !== '__name__');
const labels = fc.dictionary(labelName, fc.string({ unit: 'grapheme' }), {
  maxKeys: 3,
  noNullPrototype: true,
});
const blank = fc.constantFrom('', ' ', '\t', '  ');

const escape = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
const format = (value: number) =>
  value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : Object.is(value, -0) ? '-0' : String(value);

describe('TextfileParser', () => {
  it('survives a round trip for any labels, numbers and blanks', () => {
    fc.assert(
      fc.property(name, labels, fc.double(), blank, (metric, of, value, gap) => {
        const pairs = Object.entries(of).map(
          ([key, text]) => `${gap}${key}${gap}=${gap}"${escape(text)}"${gap}`,
        );
        const braced = pairs.length === 0 ? gap : `{${pairs.join(',')}}`;
        const [family] = parse(`${gap}${metric}${braced || ' '} ${format(value)}${gap}`);
        expect(family).toMatchObject({
          name: metric,
          type: 'untyped',
          series: [{ labels: of, value, line: 1 }],
        });
      }),
    );
  });

  it('reads any help text', () => {
    fc.assert(
      fc.property(
        name,
        fc.string({ unit: 'grapheme' }).filter((text) => !/^\s|\r/.test(text)),
        (metric, help) => {
          const text = `# HELP ${metric} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n${metric} 1`;
          expect(parse(text)[0]?.help).toBe(help);
        },
      ),
    );
  });

  it.each([
    ['nan', NaN],
    ['+Inf', Infinity],
    ['-infinity', -Infinity],
    ['.5', 0.5],
    ['5.', 5],
    ['-1E-3', -0.001],
  ])('reads %s as a number', (text, value) => {
    expect(parse(`a ${text}`)[0]?.series[0]?.value).toBe(value);
  });

  it('accepts any comment that declares nothing', () => {
    expect(parse('#\n# a\n#TYPEa gauge\n# TYPE\n# HELP a\n # EOF\na{} 1\n')).toHaveLength(1);
  });

  it('answers garbage with families or with the invalid line', () => {
    const unit = fc.constantFrom(
      ...Array.from('ab_{}",=\\n 01.+-e#\t'),
      '# TYPE a ',
      'histogram',
      'summary',
      '\n',
      'a_bucket{le="1"} ',
      'a_sum ',
      'a_count ',
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 40 }), (parts) => {
        const text = parts.join('');
        try {
          for (const { series } of parse(text)) expect(series.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(TextfileError);
          const { line = 0, message } = error as TextfileError;
          expect(line).toBeGreaterThan(0);
          expect(line).toBeLessThanOrEqual(text.split('\n').length);
          expect(message).not.toBe('');
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
