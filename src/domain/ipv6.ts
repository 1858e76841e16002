import { isIPv6 } from 'node:net';

/** The 16 bytes of an IPv6 address; a zone is ignored, since it is local to a host. Undefined when it is not one. */
export function ipv6Bytes(address: string): readonly number[] | undefined {
  const bare = address.replace(/%.*$/, '');
  if (!isIPv6(bare)) return undefined;
  // the URL parser writes any form, also one that ends in an IPv4 address, in groups of hexadecimal digits
  const plain = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const [head = '', tail = ''] = plain.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail)];
  const zeroes = new Array<number>(8 - first.length - last.length).fill(0);
  return [...first, ...zeroes, ...last].flatMap((group) => [group >> 8, group & 0xff]);
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
  if (bytes === undefined) return [];
  return EMBEDDINGS.filter(({ begins, at = 0 }) => begins.every((byte, i) => bytes[at + i] === byte)).flatMap(
    ({ bytes: places, inverted = false }) =>
      places.map((place) => place.map((i) => (bytes[i] ?? 0) ^ (inverted ? 0xff : 0)).join('.')),
  );
}
