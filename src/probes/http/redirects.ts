import { fail } from '../net/failure.ts';
import type { HopRequest } from './request.ts';
import { portOf, resolveReference, type WebUrl } from '../net/web-url.ts';
import { isHttp } from './target.ts';

export const MAX_REDIRECTS = 10;

/**
 * The request that an answer redirects to; undefined when the answer is final (as is a 3xx with no `Location` or an
 * empty one). 301, 302 and 303 turn into GET (HEAD stays), 307 and 308 repeat method and body, as in browsers and Go.
 * Credentials are not sent to another host, nor to any host after that.
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
  const to = resolveReference(request.url, location);
  if ('problem' in to)
    throw fail('redirect', `HTTP status ${status} redirects to an invalid URL: ${to.problem}`);
  if (!isHttp(to)) {
    throw fail(
      'redirect',
      `HTTP status ${status} redirects to the scheme ${to.scheme}, expected http or https`,
    );
  }
  const ownHost = request.ownHost && isSameParty(request.url, to);
  // credentials of the address are not in the Location, but must be kept on the target's own host
  const { user, password } = request.url;
  const url = ownHost && to.user === undefined ? { ...to, user, password } : to;
  const repeats = status === 307 || status === 308;
  if (repeats) return { ...request, url, ownHost };
  return { url, method: request.method === 'HEAD' ? 'HEAD' : 'GET', body: undefined, ownHost };
}

/** Whether both are the same host and port, or the second is the https of the first. */
function isSameParty(from: WebUrl, to: WebUrl): boolean {
  if (from.host !== to.host) return false;
  if (from.scheme === to.scheme) return portOf(from) === portOf(to);
  return from.scheme === 'http' && portOf(from) === 80 && to.scheme === 'https' && portOf(to) === 443;
}
