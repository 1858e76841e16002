import { fail } from '../net/failure.ts';
import type { HopRequest } from './request.ts';
import { portOf } from './target.ts';

export const MAX_REDIRECTS = 10;

/**
 * The request that an answer redirects to; undefined when the answer is a final one (as is a 3xx without `Location`, or with an empty one).
 * 301, 302 and 303 turn into GET (HEAD stays), 307 and 308 repeat method and body, as browsers and Go do.
 * Credentials do not follow to another host, nor come back after one.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-15.4
 * @throws ProbeFailure `redirect` when it leads to nothing that can be probed
 */
export function redirectedRequest(
  request: HopRequest,
  status: number,
  location: string | undefined,
): HopRequest | undefined {
  if (location === undefined || location === '' || ![301, 302, 303, 307, 308].includes(status))
    return undefined;
  if (!URL.canParse(location, request.url.href))
    throw fail('redirect', `HTTP status ${status} redirects to what is not a URL`);
  const url = new URL(location, request.url);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw fail(
      'redirect',
      `HTTP status ${status} redirects to the scheme ${url.protocol.slice(0, -1)}, expected http or https`,
    );
  }
  const ownHost = request.ownHost && isSameParty(request.url, url);
  // credentials of the address are no part of a relative Location, yet must not be lost on the own host
  if (ownHost && url.username === '' && url.password === '') {
    url.username = request.url.username;
    url.password = request.url.password;
  }
  const repeats = status === 307 || status === 308;
  if (repeats) return { ...request, url, ownHost };
  return { url, method: request.method === 'HEAD' ? 'HEAD' : 'GET', body: undefined, ownHost };
}

/** The same host and port, or the step from its http to its https. */
function isSameParty(from: URL, to: URL): boolean {
  if (from.hostname !== to.hostname) return false;
  if (from.protocol === to.protocol) return portOf(from) === portOf(to);
  return from.protocol === 'http:' && portOf(from) === 80 && portOf(to) === 443;
}
