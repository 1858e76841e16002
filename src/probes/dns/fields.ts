import { characterText } from './escapes.ts';
import { typeText } from './names.ts';
import { MalformedMessageError, type WireReader } from './reader.ts';

/** Reads one part of a record's data and writes it as zone files do; undefined omits it. */
export type Field<Text extends string | undefined = string> = (data: WireReader) => Text;

export const name: Field = (data) => data.name();
export const u8: Field = (data) => String(data.u8());
export const u16: Field = (data) => String(data.u16());
export const u32: Field = (data) => String(data.u32());
export const ipv4: Field = (data) => ipv4Text(data.bytes(4));
export const ipv6: Field = (data) => ipv6Text(data.bytes(16));
export const word: Field = (data) => data.string();
export const quoted: Field = (data) => `"${data.string()}"`;
export const quotedRest: Field = (data) => `"${characterText(data.rest())}"`;
export const typeName: Field = (data) => typeText(data.u16());
export const base64: Field = (data) => data.rest().toString('base64');
export const hex: Field = (data) => data.rest().toString('hex');
export const upperHex: Field = (data) => hex(data).toUpperCase();

/** The rest of the data, as character strings. */
export const quotedList: Field = (data) => untilEnd(data, quoted);
/** The rest of the data, as names. */
export const nameList: Field = (data) => untilEnd(data, name);

function untilEnd(data: WireReader, field: Field): string {
  const parts: string[] = [];
  while (data.left > 0) parts.push(field(data));
  return parts.join(' ');
}

/** Seconds since the epoch, as `YYYYMMDDHHMMSS` (RFC 4034, 3.2). */
export const time: Field = (data) => timeText(data.u32());

/** The last second that a Date can hold; the 48 bits of a TSIG record go beyond it. */
const LAST_SECOND = 8_640_000_000_000;

export function timeText(seconds: number): string {
  if (seconds > LAST_SECOND) return String(seconds);
  const iso = new Date(seconds * 1_000).toISOString();
  return iso.replace(/\..*$/, '').replace(/[-+T:]/g, '');
}

/** Bytes in hexadecimal groups: `00-11-22`, `2001:0DB8`. */
export function groups(count: number, size: number, join: string): Field {
  return (data) => {
    const digits = data.bytes(count).toString('hex');
    return digits.match(new RegExp(`.{${size}}`, 'g'))?.join(join) ?? '';
  };
}

/** A length in one octet, then that many bytes in hexadecimal; `-` for none (RFC 5155, 3.3). */
export const salt: Field = (data) => data.bytes(data.u8()).toString('hex').toUpperCase() || '-';

const BASE32 = '0123456789ABCDEFGHIJKLMNOPQRSTUV';

/** A length in one octet, then that many bytes in base32 with extended hex alphabet (RFC 4648, 7). */
export const base32: Field = (data) => {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of data.bytes(data.u8())) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 31] ?? '';
    value &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + (BASE32[(value << (5 - bits)) & 31] ?? '');
};

/** The types of a bitmap in windows (RFC 4034, 4.1.2), if there are any. */
export const bitmap: Field<string | undefined> = (data) => {
  const types: string[] = [];
  for (let last = -1; data.left > 0;) {
    const window = data.u8();
    const length = data.u8();
    if (window <= last || length === 0 || length > 32)
      throw new MalformedMessageError('a type bitmap has a window out of order or of an impossible length');
    last = window;
    data.bytes(length).forEach((byte, at) => {
      for (let bit = 0; bit < 8; bit += 1)
        if ((byte & (0x80 >> bit)) !== 0) types.push(typeText(window * 256 + at * 8 + bit));
    });
  }
  return types.length === 0 ? undefined : types.join(' ');
};

export function ipv4Text(bytes: Uint8Array): string {
  return bytes.join('.');
}

/** An IPv6 address as in RFC 5952; a mapped one as `::ffff:192.0.2.1`. */
export function ipv6Text(bytes: Buffer): string {
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2));
  if (words.slice(0, 5).every((each) => each === 0) && words[5] === 0xffff)
    return `::ffff:${ipv4Text(bytes.subarray(12))}`;
  const { start, length } = longestZeros(words);
  const shown = (part: readonly number[]): string => part.map((each) => each.toString(16)).join(':');
  return length < 2 ? shown(words) : `${shown(words.slice(0, start))}::${shown(words.slice(start + length))}`;
}

/** The first of the longest runs of zeros. */
function longestZeros(words: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < words.length; start += 1) {
    const end = words.findIndex((each, i) => i >= start && each !== 0);
    const length = (end === -1 ? words.length : end) - start;
    if (length > best.length) best = { start, length };
  }
  return best;
}
