/**
 * FNV-1a: a fast hash that spreads well, and protects against nothing.
 * @see http://www.isthe.com/chongo/tech/comp/fnv/
 */

/** The hash of nothing, 32 bits. */
export const FNV_START = 0x811c9dc5;
const PRIME = 0x01000193;

/** Continues a hash of 32 bits with one more byte or UTF-16 unit. @returns a signed number */
export function fnv(hash: number, unit: number): number {
  return Math.imul(hash ^ unit, PRIME);
}

/** Continues a hash of 32 bits with the UTF-16 units of a text. @returns a signed number */
export function fnvText(hash: number, text: string): number {
  let next = hash;
  for (let i = 0; i < text.length; i++) next = fnv(next, text.charCodeAt(i));
  return next;
}

/** 64 bits, on two 32-bit halves: a BigInt per byte would cost twenty times as much. */
export class Fnv64 {
  #high = 0xcbf29ce4 | 0;
  #low = 0x84222325 | 0;

  /** Multiplies by the prime 2^40 + 0x1b3, modulo 2^64. */
  byte(value: number): void {
    const low = this.#low ^ value;
    const carry = (Math.imul(low >>> 16, 0x1b3) + (Math.imul(low & 0xffff, 0x1b3) >>> 16)) >>> 16;
    this.#high = (Math.imul(this.#high, 0x1b3) + carry + (low << 8)) | 0;
    this.#low = Math.imul(low, 0x1b3);
  }

  /** The string's UTF-8 bytes; a lone surrogate counts as U+FFFD, as Go decodes it. */
  text(value: string): void {
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit < 0x80) {
        this.byte(unit);
        continue;
      }
      const point = value.codePointAt(i) ?? 0xfffd;
      if (point > 0xffff) i++;
      this.#wide(point >= 0xd800 && point <= 0xdfff ? 0xfffd : point);
    }
  }

  digest(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #wide(point: number): void {
    if (point < 0x800) {
      this.byte(0xc0 | (point >> 6));
    } else {
      if (point < 0x10000) {
        this.byte(0xe0 | (point >> 12));
      } else {
        this.byte(0xf0 | (point >> 18));
        this.byte(0x80 | ((point >> 12) & 0x3f));
      }
      this.byte(0x80 | ((point >> 6) & 0x3f));
    }
    this.byte(0x80 | (point & 0x3f));
  }
}
