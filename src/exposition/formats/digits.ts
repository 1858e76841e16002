/** `00` to `99`, two bytes each. */
const PAIRS = Uint8Array.from(
  { length: 200 },
  (_, i) => 48 + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10),
);

const ZERO = 48;
const POINT = 46;

// Every index below is in range; `?? 0` says so to the compiler and costs nothing.

function writePair(out: Uint8Array, at: number, n: number): void {
  out[at] = PAIRS[2 * n] ?? 0;
  out[at + 1] = PAIRS[2 * n + 1] ?? 0;
}

/** Writes exactly eight digits of an integer below 10⁸. */
function writeEight(out: Uint8Array, at: number, n: number): void {
  const high = (n / 10_000) | 0;
  const low = n - high * 10_000;
  const first = (high / 100) | 0;
  const third = (low / 100) | 0;
  writePair(out, at, first);
  writePair(out, at + 2, high - first * 100);
  writePair(out, at + 4, third);
  writePair(out, at + 6, low - third * 100);
}

/** Digits of an integer from 0 to below 10⁹. */
function digitCount(n: number): number {
  if (n < 10_000) return n < 100 ? (n < 10 ? 1 : 2) : n < 1_000 ? 3 : 4;
  if (n < 1_000_000) return n < 100_000 ? 5 : 6;
  return n < 10_000_000 ? 7 : n < 100_000_000 ? 8 : 9;
}

/** Writes an integer from 0 to below 10⁹. @returns where it ends */
export function writeSmallInteger(out: Uint8Array, at: number, n: number): number {
  const end = at + digitCount(n);
  let rest = n;
  let position = end;
  while (rest >= 100) {
    const left = (rest / 100) | 0;
    position -= 2;
    writePair(out, position, rest - left * 100);
    rest = left;
  }
  if (rest >= 10) writePair(out, position - 2, rest);
  else out[position - 1] = ZERO + rest;
  return end;
}

/** Writes an integer from 0 to below 2⁵³. @returns where it ends */
export function writeInteger(out: Uint8Array, at: number, n: number): number {
  if (n < 1e9) return writeSmallInteger(out, at, n | 0);
  const high = Math.floor(n / 1e8);
  const end = writeInteger(out, at, high);
  writeEight(out, end, (n - high * 1e8) | 0);
  return end + 8;
}

/** Writes 17 digits: the first nine in `high`, the last eight in `low`. */
export function writeSeventeen(out: Uint8Array, at: number, high: number, low: number): void {
  const first = (high / 1e8) | 0;
  out[at] = ZERO + first;
  writeEight(out, at + 1, high - first * 1e8);
  writeEight(out, at + 9, low);
}

/** Where the 17 digits of a number that begins at `at` are put, before `placePoint`. */
export function digitsStart(at: number, exponent: number): number {
  return exponent < 0 ? at + 1 - exponent : at + 1;
}

/**
 * Makes a decimal number of 17 digits that lie at `digitsStart`: sets the point and drops zeros at the end.
 * @param exponent of the first digit, from -6 to 15: 0 puts the point after it
 * @returns where the number ends
 */
export function placePoint(out: Uint8Array, at: number, exponent: number): number {
  const digits = digitsStart(at, exponent);
  let end = digits + 17;
  while (out[end - 1] === ZERO) end -= 1;
  if (exponent < 0) {
    out[at] = ZERO;
    out[at + 1] = POINT;
    for (let i = at + 2; i < digits; i += 1) out[i] = ZERO;
  } else {
    const point = at + exponent + 1;
    for (let i = at; i < point; i += 1) out[i] = out[i + 1] ?? 0;
    out[point] = POINT;
  }
  return end;
}
