import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { unwrappedAddress } from '../../domain/network.ts';

/** The parts of a request that are read: an `IncomingMessage` or Express's `Request` has this shape. */
export interface AddressedRequest {
  readonly socket: { readonly remoteAddress?: string | undefined };
  readonly headers: IncomingHttpHeaders;
}

/**
 * The address of the client: the socket's, or, where that is a trusted proxy, the rightmost address in
 * `X-Forwarded-For` that is not a trusted proxy. Anything to the left of it was sent by the client itself and is
 * ignored.
 * @returns an address without brackets, zone or port; empty when the socket is gone
 */
export function clientAddress(
  request: AddressedRequest,
  trustedProxies: { readonly empty: boolean; has(address: string): boolean },
): string {
  let client = unwrappedAddress(request.socket.remoteAddress ?? '');
  if (trustedProxies.empty || client === '') return client;
  const hops = forwardedFor(request.headers['x-forwarded-for']);
  while (trustedProxies.has(client)) {
    const hop = parseHop(hops.pop() ?? '');
    // nothing further, or not an address: the last known address is used
    if (hop === undefined) return client;
    client = hop;
  }
  return client;
}

function forwardedFor(header: string | string[] | undefined): string[] {
  return (typeof header === 'string' ? header : (header ?? []).join(',')).split(',');
}

/** One element: an address, perhaps with a port, IPv6 perhaps in brackets. */
function parseHop(element: string): string | undefined {
  const text = element.trim();
  const withPort = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/.exec(text);
  const address = unwrappedAddress(withPort?.[1] ?? withPort?.[2] ?? text);
  return isIP(address) === 0 ? undefined : address;
}
