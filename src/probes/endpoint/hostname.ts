import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * The `hostname` parameter as it is sent: a name or an address with or without a port; IDNA for non-ASCII names.
 * Undefined for anything else, which would become a part of the request.
 */
export function virtualHost(given: string): string | undefined {
  // the conversion silently drops some characters
  if (/[^\x21-\x7e\xa1-\uffff]/.test(given)) return undefined;
  const [, bracketed, plain = '', port = ''] =
    /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(:\d{1,5})?$/i.exec(given) ??
    (isIPv6(given) ? ['', undefined, given] : []);
  if (bracketed !== undefined) return isIPv6(bracketed) ? given : undefined;
  if (isIPv6(plain)) return plain;
  const name = /^[\x21-\x7e]*$/.test(plain) ? plain : domainToASCII(plain);
  return /^[\w.~-]{1,253}$/.test(name) ? `${name}${port}` : undefined;
}
