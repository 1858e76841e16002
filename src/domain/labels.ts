import { Fnv64 } from './fnv.ts';

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

/** Ranks surrogates, which encode code points beyond U+FFFF, above every other unit. */
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
