import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { formatValue, LONGEST_NUMBER, NumberWriter } from '../../../src/exposition/formats/number-writer.ts';

const writer = new NumberWriter();

function written(value: number): string {
  const bytes = Buffer.alloc(LONGEST_NUMBER + 8, '.');
  return bytes.toString('latin1', 4, writer.write(bytes, 4, value));
}

/** The double with these 64 bits. */
function fromBits(high: number, low: number): number {
  return new DataView(new Uint32Array([low, high]).buffer).getFloat64(0, true);
}

describe('the number writer', () => {
  it.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-1, '-1'],
    [999_999_999, '999999999'],
    [1e9, '1000000000'],
    [2 ** 53 - 1, '9007199254740991'],
    [2 ** 64 - 1, '18446744073709552000'],
    [1e21, '1e+21'],
    [0.1, '0.1'],
    [0.1 + 0.2, '0.30000000000000004'],
    [1 / 3, '0.3333333333333333'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
    [123_456.789, '123456.789'],
    [0.9999999999999999, '0.9999999999999999'],
    [9.999999999999998, '9.999999999999998'],
    [5e-324, '5e-324'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [NaN, 'NaN'],
    [Infinity, '+Inf'],
    [-Infinity, '-Inf'],
  ])('writes %d as %s', (value, text) => {
    expect([written(value), formatValue(value)]).toEqual([text, text]);
  });

  it('writes any number as JavaScript does', () => {
    const anyBits = fc
      .tuple(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1))
      .map(([high, low]) => fromBits(high, low));
    // from 2⁻²⁰ to 2⁵³, where no number is written by String
    const middle = fc
      .tuple(fc.integer({ min: 1_003, max: 1_076 }), fc.nat(2 ** 20 - 1), fc.nat(2 ** 32 - 1))
      .map(([exponent, high, low]) => fromBits(exponent * 2 ** 20 + high, low));
    const short = fc.tuple(fc.integer(), fc.nat(12)).map(([n, places]) => n / 10 ** places);
    const number = fc.oneof(anyBits, middle, short, fc.double(), fc.maxSafeInteger(), fc.integer());
    fc.assert(
      fc.property(number, (value) => {
        expect(written(value)).toBe(formatValue(value));
        expect(written(-value)).toBe(formatValue(-value));
      }),
      { numRuns: 20_000 },
    );
  });

  it('writes the neighbours of powers of two and ten as JavaScript does', () => {
    const powers = [
      ...Array.from({ length: 80 }, (_, i) => 2 ** (i - 22)),
      ...Array.from({ length: 24 }, (_, i) => Number(`1e${i - 7}`)),
    ];
    const bits = new BigInt64Array(1);
    const double = new Float64Array(bits.buffer);
    for (const power of powers) {
      for (let step = -40n; step <= 40n; step += 1n) {
        double[0] = power;
        bits[0] = (bits[0] ?? 0n) + step;
        expect(written(double[0])).toBe(formatValue(double[0]));
      }
    }
  });

  it('needs no more space than it reports', () => {
    expect(formatValue(-2.2250738585072014e-308)).toHaveLength(LONGEST_NUMBER);
  });
});
