import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { expand, firstMatch } from '../../../src/probes/dialogue/expand.ts';

function expanded(expression: string, line: string, template: string): string {
  const match = firstMatch(RE2JS.compile(expression), line);
  if (match === undefined) throw new Error('no match');
  return expand(template, match);
}

describe('a template', () => {
  // each as in Go's Regexp.Expand
  it.each([
    ['$1', 'mail'],
    ['${1}', 'mail'],
    ['$1x', ''],
    ['${1}x', 'mailx'],
    ['$1-$2', 'mail-25'],
    ['$0', 'host mail port 25'],
    ['$port', '25'],
    ['${port}th', '25th'],
    ['$ports', ''],
    ['$$', '$'],
    ['$$1', '$1'],
    ['$9', ''],
    ['$nothing', ''],
    ['$', '$'],
    ['a $ b', 'a $ b'],
    ['${', '${'],
    ['${}', '${}'],
    ['${1', '${1'],
    ['$3', ''],
    ['no groups', 'no groups'],
    ['$__proto__', ''],
    ['PONG :$1\r', 'PONG :mail\r'],
  ])('%s becomes %s', (template, expected) => {
    expect(expanded('host (\\w+) port (?P<port>\\d+)( none)?', 'say host mail port 25!', template)).toBe(
      expected,
    );
  });

  it('is unchanged without a $', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('$')),
        (text) => expanded('(a)', 'a', text) === text,
      ),
    );
  });

  it('inserts groups literally, without expanding them again', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('$', '1', '{', '}', 'x') }),
        (group) => expanded('^(.*)$', group, '[$1]') === `[${group}]`,
      ),
    );
  });
});
