/** How zone files write the octets of names and character strings (RFC 1035, 5.1). */

const LABEL_SPECIAL: ReadonlySet<number> = new Set(Buffer.from('. \'@;()"\\'));
const STRING_SPECIAL: ReadonlySet<number> = new Set(Buffer.from('"\\'));

export function labelText(bytes: Uint8Array): string {
  return escaped(bytes, LABEL_SPECIAL);
}

export function characterText(bytes: Uint8Array): string {
  return escaped(bytes, STRING_SPECIAL);
}

function escaped(bytes: Uint8Array, special: ReadonlySet<number>): string {
  let text = '';
  for (const byte of bytes) {
    if (byte < 0x20 || byte > 0x7e) text += `\\${String(byte).padStart(3, '0')}`;
    else text += special.has(byte) ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte);
  }
  return text;
}

/**
 * The labels of a name as a person writes it, unescaped; undefined when it is not a name (an empty label, one longer
 * than 63 octets, more than 255 octets in total).
 */
export function nameLabels(name: string): readonly Buffer[] | undefined {
  if (name === '.') return [];
  const labels: number[][] = [[]];
  const octets = Buffer.from(name);
  for (let at = 0; at < octets.length; at += 1) {
    const octet = octets[at] ?? 0;
    if (octet === DOT) {
      labels.push([]);
      continue;
    }
    const escape = octet === BACKSLASH ? unescaped(octets.subarray(at + 1, at + 4)) : undefined;
    if (octet === BACKSLASH && escape === undefined) return undefined;
    labels.at(-1)?.push(escape?.octet ?? octet);
    at += escape?.length ?? 0;
  }
  // the dot at the end of a full name
  if (labels.length > 1 && labels.at(-1)?.length === 0) labels.pop();
  const sizes = labels.map((label) => label.length);
  if (sizes.some((size) => size === 0 || size > 63)) return undefined;
  if (sizes.reduce((sum, size) => sum + size + 1, 1) > 255) return undefined;
  return labels.map((label) => Buffer.from(label));
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** What follows a backslash: three digits, or one character that means itself. */
function unescaped(after: Buffer): { readonly octet: number; readonly length: number } | undefined {
  const [first] = after;
  if (first === undefined) return undefined;
  const digits = after.toString('latin1');
  if (!/^\d/.test(digits)) return { octet: first, length: 1 };
  if (!/^\d{3}$/.test(digits) || Number(digits) > 255) return undefined;
  return { octet: Number(digits), length: 3 };
}
