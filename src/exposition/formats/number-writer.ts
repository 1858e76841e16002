import { digitsStart, placePoint, writeInteger, writeSeventeen, writeSmallInteger } from './digits.ts';

/** Length of the longest number, `-2.2250738585072014e-308`. */
export const LONGEST_NUMBER = 24;

const MINUS = 45;
const LARGEST_INTEGER = 2 ** 53;
const SMALLEST_FAST = 1e-6;
/** Splits a double in two halves whose products are exact (Veltkamp). */
const SPLITTER = 2 ** 27 + 1;
/** Distances smaller than this, in units of the 17th digit, are decided by `String`. */
const DOUBT = 1e-6;

/** 10⁰ to 10²², all of them exact as doubles. */
const POWERS = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

interface Binade {
  /** The largest n for which 10ⁿ is not above its smallest number. */
  readonly exponent: number;
  /** 10ⁿ⁺¹. */
  readonly next: number;
}

/** Binades by biased binary exponent. */
const BINADES: readonly Binade[] = Array.from({ length: 2047 }, (_, biased) => {
  const smallest = 2 ** (biased - 1023);
  const exponent = Number(smallest.toExponential(0).split('e')[1]);
  const below = Number(`1e${exponent}`) <= smallest ? exponent : exponent - 1;
  return { exponent: below, next: Number(`1e${below + 1}`) };
});
const EXPONENTS = Int16Array.from(BINADES, ({ exponent }) => exponent);
const NEXT_POWERS = Float64Array.from(BINADES, ({ next }) => next);
/** Half the distance between two doubles of a binade. */
const HALF_GAPS = Float64Array.from(BINADES, (_, biased) => 2 ** (biased - 1023 - 53));

/** Writes a value as JavaScript does: integers, shortest doubles, `-0`; but `NaN`, `+Inf`, `-Inf`. */
export function formatValue(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}

/**
 * Writes numbers as bytes: the output of `formatValue`, several times faster because it creates no strings.
 *
 * Integers are written by hand. Of the others, those that have at most 15 digits are found by multiplying and dividing
 * with an exact power of ten (Clinger); the rest is scaled to 17 digits with an exact product (Dekker), whose distance
 * to the nearest numbers of 16 and 17 digits is compared with half the gap between doubles. Doubtful, very
 * small and very large values go through `String`.
 */
export class NumberWriter {
  readonly #double = new Float64Array(1);
  readonly #words = new Uint32Array(this.#double.buffer);
  readonly #highWord: 0 | 1;

  constructor() {
    this.#double[0] = 1;
    this.#highWord = this.#words[1] === 0 ? 0 : 1;
  }

  /** Needs `LONGEST_NUMBER` bytes of room. @returns the end of the number */
  write(out: Uint8Array, at: number, value: number): number {
    if (value >= 0) {
      if (value < 1e9 && (value | 0) === value) {
        return 1 / value === -Infinity ? writeText(out, at, '-0') : writeSmallInteger(out, at, value);
      }
      return this.#writePositive(out, at, value);
    }
    if (!(value > -LARGEST_INTEGER)) return writeText(out, at, formatValue(value));
    out[at] = MINUS;
    return this.#writePositive(out, at + 1, -value);
  }

  #writePositive(out: Uint8Array, at: number, value: number): number {
    if (!(value < LARGEST_INTEGER)) return writeText(out, at, formatValue(value));
    if (Math.floor(value) === value) return writeInteger(out, at, value);
    if (value < SMALLEST_FAST) return writeText(out, at, String(value));
    this.#double[0] = value;
    const biased = (this.#words[this.#highWord] ?? 0) >>> 20;
    const exponent = (EXPONENTS[biased] ?? 0) + (value >= (NEXT_POWERS[biased] ?? 0) ? 1 : 0);
    if (exponent <= 14) {
      const power = POWERS[14 - exponent] ?? 1;
      const digits = Math.round(value * power);
      if (digits / power === value) {
        const high = Math.floor(digits / 1e6);
        writeSeventeen(out, digitsStart(at, exponent), high | 0, ((digits - high * 1e6) * 100) | 0);
        return placePoint(out, at, exponent);
      }
    }
    return this.#writeLong(out, at, value, exponent);
  }

  /** Writes a number that has 16 or 17 digits. */
  #writeLong(out: Uint8Array, at: number, value: number, exponent: number): number {
    const power = POWERS[16 - exponent] ?? 1;
    const half = (HALF_GAPS[(this.#words[this.#highWord] ?? 0) >>> 20] ?? 0) * power;
    const product = value * power;
    let high = Math.floor(product / 1e8);
    const low = product - high * 1e8 + productError(value, power, product);
    let digits = Math.round(low / 10) * 10;
    const distance = Math.abs(digits - low);
    if (distance > half + DOUBT) {
      digits = Math.round(low);
      if (Math.abs(digits - low) > 0.5 - DOUBT) return writeText(out, at, String(value));
    } else if (distance > half - DOUBT || distance > 5 - DOUBT) {
      return writeText(out, at, String(value));
    }
    if (digits >= 1e8) {
      digits -= 1e8;
      high += 1;
    } else if (digits < 0) {
      digits += 1e8;
      high -= 1;
    }
    if (high >= 1e9 || high < 1e8) return writeText(out, at, String(value));
    writeSeventeen(out, digitsStart(at, exponent), high, digits | 0);
    return placePoint(out, at, exponent);
  }
}

/** The rounding error of a product (Dekker 1971). */
function productError(a: number, b: number, product: number): number {
  const splitA = SPLITTER * a;
  const highA = splitA - (splitA - a);
  const lowA = a - highA;
  const splitB = SPLITTER * b;
  const highB = splitB - (splitB - b);
  const lowB = b - highB;
  return highA * highB - product + highA * lowB + lowA * highB + lowA * lowB;
}

/** Writes ASCII. @returns where it ends */
function writeText(out: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i += 1) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}
