import { isIPv4, isIPv6 } from 'node:net';

/** The 4 or 16 bytes of an address; a zone is ignored, since it is local to a host. Empty if it is not an address. */
export function addressBytes(address: string): readonly number[] {
  return isIPv4(address) ? address.split('.').map(Number) : ipv6Bytes(address);
}

/** The 16 bytes of an IPv6 address; a zone is ignored. Empty if it is not one. */
export function ipv6Bytes(address: string): readonly number[] {
  const bare = address.includes('%') ? address.replace(/%.*$/, '') : address;
  if (!isIPv6(bare)) return [];
  const [head = '', tail = ''] = bare.split('::');
  const [first, last] = [bytesOf(head), bytesOf(tail)];
  const zeroes = new Array<number>(16 - first.length - last.length).fill(0);
  return [...first, ...zeroes, ...last];
}

/** Groups of hexadecimal digits, of which the last may be an IPv4 address. */
function bytesOf(groups: string): readonly number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const number = Number.parseInt(group, 16);
    return [number >> 8, number & 0xff];
  });
}

/**
 * The IPv4 address that an IPv6 address maps; undefined if it maps none.
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2.5.5.2
 */
export function mappedIpv4(address: string): string | undefined {
  // as sockets write it: asked for every request
  const dotted = /^::ffff:([\d.]+)$/i.exec(address)?.[1];
  if (dotted !== undefined && isIPv4(dotted)) return dotted;
  if (!/^[0:]+:ffff:/i.test(address)) return undefined;
  const bytes = ipv6Bytes(address);
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return isMapped ? bytes.slice(12).join('.') : undefined;
}

interface Embedding {
  /** The first bytes of such an address, counted from `at`. */
  readonly begins: readonly number[];
  readonly at?: number;
  /** Where the bytes of the IPv4 addresses are. */
  readonly bytes: readonly (readonly [number, number, number, number])[];
  /** Whether the bits of the address are inverted. */
  readonly inverted?: boolean;
}

const LAST: Embedding['bytes'] = [[12, 13, 14, 15]];
const ZEROES = new Array<number>(8).fill(0);

const EMBEDDINGS: readonly Embedding[] = [
  // compatible and mapped (RFC 4291, 2.5.5), translated (RFC 2765, 2.1)
  { begins: [...ZEROES, 0, 0, 0, 0], bytes: LAST },
  { begins: [...ZEROES, 0, 0, 0xff, 0xff], bytes: LAST },
  { begins: [...ZEROES, 0xff, 0xff, 0, 0], bytes: LAST },
  // NAT64: the well-known prefix, and the one for local use with prefixes of any length within (RFC 6052, RFC 8215)
  { begins: [0, 0x64, 0xff, 0x9b, ...ZEROES], bytes: LAST },
  {
    begins: [0, 0x64, 0xff, 0x9b, 0, 1],
    bytes: [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], ...LAST],
  },
  // 6to4 (RFC 3056), Teredo with its server and its client (RFC 4380), ISATAP (RFC 5214)
  { begins: [0x20, 0x02], bytes: [[2, 3, 4, 5]] },
  { begins: [0x20, 0x01, 0, 0], bytes: [[4, 5, 6, 7]] },
  { begins: [0x20, 0x01, 0, 0], bytes: LAST, inverted: true },
  { begins: [0, 0, 0x5e, 0xfe], at: 8, bytes: LAST },
  { begins: [2, 0, 0x5e, 0xfe], at: 8, bytes: LAST },
];

/** The IPv4 addresses to which a translator or a tunnel may send a packet for an IPv6 address. */
export function embeddedIpv4(address: string): readonly string[] {
  const bytes = ipv6Bytes(address);
  if (bytes.length === 0) return [];
  return EMBEDDINGS.filter(({ begins, at = 0 }) => begins.every((byte, i) => bytes[at + i] === byte)).flatMap(
    ({ bytes: places, inverted = false }) =>
      places.map((place) => place.map((i) => (bytes[i] ?? 0) ^ (inverted ? 0xff : 0)).join('.')),
  );
}
