import { BlockList, isIP } from 'node:net';
import { mappedIpv4 } from './ipv6.ts';

/** A set of networks that can be asked whether it contains an address. IPv4-mapped IPv6 counts as IPv4. */
export class NetworkSet {
  readonly #list = new BlockList();
  readonly empty: boolean;

  /** @param cidrs such as `10.0.0.0/8`, `fd00::/8` or a single address; each must satisfy `isNetwork` */
  constructor(cidrs: readonly string[]) {
    this.empty = cidrs.length === 0;
    for (const cidr of cidrs) {
      const { address, family, prefix } = parseNetwork(cidr) ?? refuse(cidr);
      this.#list.addSubnet(address, prefix, family);
    }
  }

  has(address: string): boolean {
    const plain = unwrappedAddress(address);
    return this.#list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** Whether a text is a network in CIDR notation, or a single address. */
export function isNetwork(cidr: string): boolean {
  return parseNetwork(cidr) !== undefined;
}

const LOOPBACK = new NetworkSet(['127.0.0.0/8', '::1']);

/** Whether an address, or the name `localhost`, is this machine's loopback. */
export function isLoopback(host: string): boolean {
  const plain = unwrappedAddress(host);
  // asked for every request, and a BlockList is slow
  if (isIP(plain) === 4) return plain.startsWith('127.');
  return host === 'localhost' || (isIP(plain) === 6 && LOOPBACK.has(plain));
}

/** An address without brackets, zone and the `::ffff:` of a mapped IPv4 address. */
export function unwrappedAddress(address: string): string {
  if (isIP(address) === 4) return address;
  const bare = address.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  return mappedIpv4(bare) ?? bare;
}

function parseNetwork(
  cidr: string,
): { address: string; family: 'ipv4' | 'ipv6'; prefix: number } | undefined {
  const [address = '', length, ...rest] = cidr.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return undefined;
  const bits = version === 4 ? 32 : 128;
  if (length !== undefined && !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = length === undefined ? bits : Number(length);
  return prefix > bits ? undefined : { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix };
}

function refuse(cidr: string): never {
  throw new Error(`"${cidr}" is not a network; expected one such as 10.0.0.0/8`);
}
