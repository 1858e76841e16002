import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { expand } from '../../../src/config/yaml/expand.ts';

const env = { NAME: 'value', EMPTY: '', REF: '${NAME}', YAML: 'a: [1\n- "' };

describe('expand', () => {
  const good: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['${NAME}', 'value'],
    ['a ${NAME}-${NAME} b', 'a value-value b'],
    ['${EMPTY}', ''],
    ['${MISSING:-default}', 'default'],
    ['${MISSING:-}', ''],
    ['${MISSING:-a:-b $ {}', 'a:-b $ {'],
    ['${EMPTY:-default}', 'default'],
    ['${NAME:-default}', 'value'],
    ['$${NAME}', '${NAME}'],
    ['^a$', '^a$'],
    ['$NAME {NAME}', '$NAME {NAME}'],
    ['${REF}', '${NAME}'],
    ['${YAML}', 'a: [1\n- "'],
  ];
  it.each(good)('%s gives %s', (text, expected) => {
    expect(expand(text, env)).toMatchObject({ text: expected, problems: [] });
  });

  const bad: readonly (readonly [string, RegExp])[] = [
    ['${MISSING}', /the environment variable MISSING is not set.*\$\{MISSING:-default\}/],
    ['${constructor}', /the environment variable constructor is not set/],
    ['${__proto__}', /the environment variable __proto__ is not set/],
    ['${}', /"\$\{\}" does not name an environment variable/],
    ['${1A}', /does not name an environment variable/],
    ['${A-b}', /does not name an environment variable/],
    ['${ NAME }', /does not name an environment variable/],
    ['${NAME', /never closed/],
    ['${A:-${NAME}}', /inside another/],
  ];
  it.each(bad)('reports a problem for %s', (text, message) => {
    const { problems } = expand(text, env);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(message);
  });

  it('recognises a text that is exactly one reference', () => {
    const whole = ['${NAME}', '${A:-5}', '${NAME} ', 'x${NAME}', '${NAME}${NAME}', '$${NAME}'];
    expect(whole.filter((text) => expand(text, env).whole)).toEqual(['${NAME}', '${A:-5}']);
  });

  it('leaves text without ${ unchanged, and inserts values literally', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, value) => {
        const plain = text.replaceAll('${', '');
        expect(expand(plain, {})).toEqual({ text: plain, problems: [], whole: false });
        expect(expand('${X}', { X: value })).toEqual({ text: value, problems: [], whole: true });
      }),
    );
  });
});
