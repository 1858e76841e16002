/** Names and values of an alert: labels or annotations. */
export type LabelSet = Readonly<Record<string, string>>;

/**
 * Orders strings by their UTF-8 bytes (that is, by code point). JavaScript's own order is by UTF-16 unit and differs
 * where surrogates meet U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Ranks surrogates, which stand for code points beyond U+FFFF, above every other unit. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}

/** A label set as JSON text with sorted names: equal sets have equal texts. */
export function canonicalLabels(labels: LabelSet): string {
  const names = Object.keys(labels);
  if (isSorted(names)) return JSON.stringify(labels);
  const sorted: [string, string][] = names.sort(compareUtf8).map((name) => [name, labels[name] ?? '']);
  return JSON.stringify(Object.fromEntries(sorted));
}

function isSorted(names: readonly string[]): boolean {
  return names.every((name, i) => i === 0 || compareUtf8(names[i - 1] ?? '', name) < 0);
}

/**
 * Prometheus's fingerprint of a label set: FNV-1a, 64 bits, over `name 0xFF value 0xFF` in the order of the
 * names' UTF-8 bytes, as 16 hexadecimal digits.
 * @see https://github.com/prometheus/common/blob/main/model/fnv.go
 */
export function fingerprint(labels: LabelSet): string {
  const hash = new Fnv64();
  for (const name of Object.keys(labels).sort(compareUtf8)) {
    hash.text(name);
    hash.byte(0xff);
    hash.text(labels[name] ?? '');
    hash.byte(0xff);
  }
  return hash.digest();
}

/** FNV-1a 64 on two 32-bit halves: a BigInt per byte would cost twenty times as much. */
class Fnv64 {
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
