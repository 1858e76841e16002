import { describe, expect, it } from '@jest/globals';
import { nodeAt, offsetAt, toData } from '../../../src/config/yaml/nodes.ts';
import { formatPath } from '../../../src/config/yaml/path.ts';
import type { Path } from '../../../src/config/yaml/path.ts';
import { parseYaml } from '../../../src/config/yaml/yaml.ts';

function parse(text: string, env = {}) {
  const { root, problems, lineOf } = parseYaml(text, env);
  return {
    data: root === undefined ? undefined : toData(root, new Set()),
    problems: problems.map(({ line, path, message }) => `${String(line)} ${formatPath(path)}: ${message}`),
    lineOf: (path: Path, at: 'key' | 'value' = 'value') => {
      const offset = offsetAt(root, path, at);
      return offset === undefined ? undefined : lineOf(offset);
    },
    root,
  };
}

describe('parseYaml', () => {
  it('reads YAML 1.2 core scalars', () => {
    const text =
      'a: 1\nb: 1.5\nc: true\nd: yes\ne: ~\nf: "1"\ng: 0x1F\nh: 1_000\ni: !!str 5\nj: |\n  x\n  y\n';
    expect(parse(text)).toMatchObject({
      data: { a: 1, b: 1.5, c: true, d: 'yes', e: null, f: '1', g: 31, h: '1_000', i: '5', j: 'x\ny\n' },
      problems: [],
    });
  });

  it('knows the line of every key and value, with any line endings', () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const { lineOf } = parse(
        ['a:', '  - b: 1', '    c:', '      2', '  -', 'd: {e: 1,', ' f: 2}', ''].join(end),
      );
      expect(lineOf(['a'])).toBe(1);
      expect(lineOf(['a', 0])).toBe(2);
      expect(lineOf(['a', 0, 'c'])).toBe(4);
      expect(lineOf(['a', 0, 'c'], 'key')).toBe(3);
      expect(lineOf(['a', 0, 'missing', 'deeper'])).toBe(2);
      expect(lineOf(['d', 'f'])).toBe(7);
      expect(lineOf(['missing'])).toBe(1);
    }
    expect(parse('').lineOf(['a'])).toBeUndefined();
  });

  it('resolves anchors and merge keys; own keys win, then the first source', () => {
    const text = [
      'base: &base { a: 1, b: 2 }',
      'more: &more { b: 3, c: 4 }',
      'one: { <<: *base, a: 9 }',
      'two:',
      '  <<: [*base, *more]',
      '  d: *base',
      'text: &t ${X}',
      'same: *t',
    ].join('\n');
    const { data, problems, lineOf } = parse(text, { X: 'x' });
    expect(problems).toEqual([]);
    expect(data).toMatchObject({
      one: { a: 9, b: 2 },
      two: { a: 1, b: 2, c: 4, d: { a: 1, b: 2 } },
      same: 'x',
    });
    expect(lineOf(['one', 'b'])).toBe(1);
    expect(lineOf(['two', 'c'])).toBe(2);
    expect(lineOf(['one', 'a'])).toBe(3);
  });

  it('expands values, not keys, after parsing: a value cannot add keys', () => {
    const env = { V: 'x\ny: injected', K: 'key' };
    expect(parse('${K}: ${V}\n"q": "${V}"\nb: |\n  ${V}\n', env).data).toEqual({
      '${K}': 'x\ny: injected',
      q: 'x\ny: injected',
      b: 'x\ny: injected\n',
    });
  });

  it('keeps prototype keys harmless', () => {
    const { data, problems } = parse('__proto__: { polluted: 1 }\nconstructor: { prototype: 2 }\n');
    expect(problems).toEqual(['1 __proto__: unknown key "__proto__"; remove it']);
    expect(Object.getOwnPropertyNames(data)).toEqual(['constructor']);
    expect(Reflect.get({}, 'polluted')).toBeUndefined();
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype);
  });

  const mistakes: readonly (readonly [string, string, readonly string[]])[] = [
    ['a key twice', 'a: 1\nb: 2\na: 3', ['3 a: the key "a" is duplicated, first in line 1; remove one']],
    [
      'keys twice, at several places',
      'a: { b: 1, b: 2 }\nc:\n  - d: 1\n    d: 2',
      [
        '1 a.b: the key "b" is duplicated, first in line 1; remove one',
        '4 c[0].d: the key "d" is duplicated, first in line 3; remove one',
      ],
    ],
    ['an unknown alias', 'a: *b', ['1 a: the alias "*b" cannot be resolved: no anchor "&b" before it']],
    [
      'an alias inside its own anchor',
      'a: &a\n  - *a',
      ['2 a[0]: the alias "*a" cannot be resolved: "*a" is inside its own anchor'],
    ],
    [
      'a key that is a list',
      '? [a]\n: 1',
      ['1 : a key must be plain text, not a list, a mapping or an alias'],
    ],
    [
      'merging a string',
      'a:\n  <<: text',
      ['2 a["<<"]: expected a mapping, an alias of one, or a list of these'],
    ],
    ['an unknown tag', 'a: !mine 1', ['1 a: unknown scalar tag !<!mine>; leave the tag out']],
    [
      'an unknown tag of a list',
      'a:\n- !mine [1]',
      ['2 a[0]: unknown sequence tag !<!mine>; leave the tag out'],
    ],
    ['a tag without a value', 'a: !!map', ['1 a: a tag for an empty list or mapping; leave the tag out']],
    [
      'a second document',
      'a: 1\n---\nb: 2',
      ['2 : a second YAML document begins here; expected one document'],
    ],
    [
      'a second document after a marked one',
      '---\na: 1\n---\nb: 2',
      ['3 : a second YAML document begins here; expected one document'],
    ],
    [
      'a tab for indentation',
      'a:\n\tb: 1',
      ['2 : not valid YAML: tab characters must not be used in indentation (column 1)'],
    ],
    [
      'one colon too many',
      'x: 1\na: b: c',
      ['2 : not valid YAML: bad indentation of a mapping entry (column 5)'],
    ],
    [
      'an open list',
      'a: [1, 2',
      ['1 : not valid YAML: unexpected end of the stream within a flow collection (column 9)'],
    ],
    [
      'a reference in a flow collection',
      'a: [${X}]',
      [
        '1 : not valid YAML: missed comma between flow collection entries (column 6); inside [ ] or { } a "${NAME}" needs quotes',
      ],
    ],
    ['a NUL', 'a: \u0000', ['1 : not valid YAML: null byte is not allowed in input (column 4)']],
    [
      'an unset variable',
      'a:\n  - ${NOPE}',
      ['2 a[0]: the environment variable NOPE is not set; set it, or give a default: ${NOPE:-default}'],
    ],
  ];
  it.each(mistakes)('reports %s with its line', (_, text, expected) => {
    expect(parse(text).problems).toEqual(expected);
  });

  it('refuses aliases that expand too far, in number or in depth', () => {
    const wide = ['l0: &l0 [x, x, x, x, x, x, x, x, x, x]'];
    const deep = ['l0: &l0 [x]'];
    for (let i = 1; i < 200; i++) {
      if (i < 10)
        wide.push(
          `l${i}: &l${i} [${Array(10)
            .fill(`*l${i - 1}`)
            .join(', ')}]`,
        );
      deep.push(`l${i}: &l${i} [*l${i - 1}]`);
    }
    for (const text of [wide, deep]) {
      const { problems, data } = parse(text.join('\n'));
      expect(problems).toHaveLength(1);
      expect(problems[0]).toMatch(
        /aliases make this larger than the limit of 1000000 values and a depth of 100/,
      );
      expect(data).toBeUndefined();
    }
    expect(parse(`${'['.repeat(5_000)}${']'.repeat(5_000)}`).problems[0]).toMatch(/not valid YAML: .*depth/i);
  });

  it('returns no node for a path that does not exist', () => {
    const { root } = parse('a: [1]');
    expect(nodeAt(root, ['a', 0])).toMatchObject({ value: 1 });
    expect(nodeAt(root, ['a', 1])).toBeUndefined();
    expect(nodeAt(root, ['a', 'b'])).toBeUndefined();
    expect(nodeAt(root, [0])).toBeUndefined();
  });
});
