import { isIPv4 } from 'node:net';

/**
 * blackbox_exporter's `probe_ip_addr_hash`: FNV-1a (32 bits) of the address's 4 or 16 bytes. It shows that an address
 * has changed, nothing else.
 * @see http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function addressHash(address: string): number {
  let hash = 0x811c9dc5;
  for (const byte of addressBytes(address)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/** The 4 or 16 bytes of an address, without its zone. */
export function addressBytes(address: string): readonly number[] {
  if (isIPv4(address)) return address.split('.').map(Number);
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const first = groupsOf(head);
  const last = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0);
  return [...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 0xff]);
}

/** 16-bit groups of a part of an IPv6 address, which may end in a dotted IPv4 address. */
function groupsOf(part: string): number[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
