import { fnv, FNV_START } from '../../domain/fnv.ts';
import { addressBytes } from '../../domain/ipv6.ts';

/**
 * blackbox_exporter's `probe_ip_addr_hash`: FNV-1a (32 bits) of the address's 4 or 16 bytes. It shows that an address
 * has changed, nothing else.
 */
export function addressHash(address: string): number {
  return addressBytes(address).reduce(fnv, FNV_START) >>> 0;
}
