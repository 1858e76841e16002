import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { printable, printableJson } from '../../src/domain/printable.ts';

const any = fc.string({ unit: 'binary' });
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

describe('printable', () => {
  it.each([
    ['plain text, äöü, 東京, 🔔', 'plain text, äöü, 東京, 🔔'],
    ['\u001b[31mred\u001b[0m\u0007', '\\u001b[31mred\\u001b[0m\\u0007'],
    ['two\r\nlines\t', 'two\\u000d\\u000alines\\u0009'],
    ['\u009b2J \u202eturned\u2028', '\\u009b2J \\u202eturned\\u2028'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ])('shows %j as %j', (text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('leaves no control characters for a terminal in any text', () => {
    fc.assert(fc.property(any, (text) => !UNPRINTABLE.test(printable(text))));
  });

  it('keeps the value of JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = printableJson(value, 2);
        expect(UNPRINTABLE.test(text.replaceAll('\n', ''))).toBe(false);
        expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(value));
      }),
    );
  });
});
