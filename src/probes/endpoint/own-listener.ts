import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Destination } from '../../domain/allow-list.ts';
import { embeddedIpv4 } from '../../domain/ipv6.ts';
import { NetworkSet, unwrappedAddress } from '../../domain/network.ts';

/** The address Tocsin itself listens on. */
export interface Listener {
  /** As reported by the socket, such as `127.0.0.1`, or `::` for every address of this machine. */
  readonly address: string;
  readonly port: number;
}

const UNSPECIFIED = new NetworkSet(['0.0.0.0', '::']);
const LOOPBACK = ['127.0.0.0/8', '::1'];

/**
 * Whether a connection to a destination may reach the listener. A name without an address, which a proxy resolves, may
 * have any address; so may the unspecified address, depending on the system, and an IPv4 address within an IPv6 one.
 */
export function reachesListener({ host, address, port }: Destination, listener: Listener): boolean {
  if (port !== listener.port) return false;
  const to = unwrappedAddress(address ?? host);
  if (isIP(to) === 0) return true;
  const own = new NetworkSet(addressesOf(listener.address));
  return [to, ...embeddedIpv4(to)].some((one) => UNSPECIFIED.has(one) || own.has(one));
}

function addressesOf(address: string): readonly string[] {
  const plain = unwrappedAddress(address);
  if (!UNSPECIFIED.has(plain)) return [plain];
  const all = Object.values(networkInterfaces()).flatMap((list = []) => list);
  return [...LOOPBACK, ...all.map((one) => unwrappedAddress(one.address))];
}
