// Polynomials over GF(2) modulo the one of CRC-32, in 32 bits, the lowest power in the highest bit (as in zlib).

const POLYNOMIAL = 0xedb88320;
const ONE = 2 ** 31;

/** x^(2^k) for k from 0 to 31. */
const SQUARES: readonly number[] = (() => {
  const squares = [2 ** 30];
  while (squares.length < 32) {
    const last = squares.at(-1) ?? 0;
    squares.push(multiply(last, last));
  }
  return squares;
})();

/**
 * The CRC-32 of two texts one after the other, from those of each.
 * @param length of the second, in bytes
 * @see zlib's crc32_combine
 */
export function combineCrc(first: number, second: number, length: number): number {
  return (multiply(powerOfBytes(length), first) ^ second) >>> 0;
}

/** x^(8·bytes): what so many zero bytes do to a CRC. */
function powerOfBytes(bytes: number): number {
  let power = ONE;
  let square = 3;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) power = multiply(SQUARES[square % 32] ?? 0, power);
    square += 1;
  }
  return power;
}

function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product >>> 0;
}
