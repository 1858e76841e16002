import type { TargetParts, TargetProblem } from '../prober.ts';

const EXPECTED = 'expected a URL such as https://example.com/health';

/** The URL of an address; one without a scheme is taken as `http://`, as blackbox_exporter does. */
export function targetUrl(address: string): URL | undefined {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `http://${address}`;
  try {
    return new URL(withScheme);
  } catch {
    return undefined;
  }
}

/** Reads an HTTP address; its label has neither credentials nor query. */
export function httpTarget(address: string): TargetParts | TargetProblem {
  if (/[\s\\\p{Cc}]/u.test(address))
    return { problem: `the address has white space, control characters or a backslash; ${EXPECTED}` };
  const url = targetUrl(address);
  if (url === undefined) return { problem: `the address is not a URL; ${EXPECTED}` };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { problem: `the scheme "${url.protocol.slice(0, -1)}" is not http or https; ${EXPECTED}` };
  }
  return { label: shownUrl(url, address), host: bareHost(url) };
}

/** A URL without credentials, query and fragment; without the final slash when `written` has none. */
export function shownUrl(url: URL, written = url.href): string {
  const bare = url.pathname === '/' && !/\/(?:[?#]|$)/.test(written);
  return `${url.protocol}//${url.host}${bare ? '' : url.pathname}`;
}

/** The host without the brackets of an IPv6 address. */
export function bareHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}

export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'https:' ? 443 : 80;
}
