import type { Authorization } from './auth.ts';
import { basicAuthorization } from './auth.ts';
import type { HttpSettings } from './settings.ts';

/** One request of a run: the first, or one that a redirect asked for. */
export interface HopRequest {
  readonly url: URL;
  readonly method: string;
  readonly body: string | undefined;
  /** Whether the target itself is spoken to, or another party that a redirect led to. */
  readonly ownHost: boolean;
}

/** What only the target itself may see. */
const PRIVATE_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'cookie2',
  'proxy-authorization',
  'host',
]);
const BODY_HEADERS: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'content-location',
]);

/** The first request of a run. */
export function firstRequest(url: URL, { method, body }: HttpSettings): HopRequest {
  return { url, method, body, ownHost: true };
}

/** The headers of a request as a flat list of names and values, `Host` and `Connection` included. */
export function requestHeaders(request: HopRequest, settings: HttpSettings): string[] {
  const { url, body, ownHost } = request;
  const flat: string[] = [];
  const given = new Set<string>();
  for (const [name, value] of settings.headers) {
    const key = name.toLowerCase();
    if (!ownHost && PRIVATE_HEADERS.has(key)) continue;
    if (body === undefined && settings.body !== undefined && BODY_HEADERS.has(key)) continue;
    flat.push(name, value);
    given.add(key);
  }
  if (!given.has('host')) flat.unshift('Host', url.host);
  if (!given.has('user-agent')) flat.push('User-Agent', 'Tocsin');
  const authorization = ownHost && !given.has('authorization') ? authorizationFor(url, settings) : undefined;
  if (authorization !== undefined) flat.push('Authorization', authorization.reveal());
  if (body !== undefined) flat.push('Content-Length', String(Buffer.byteLength(body)));
  flat.push('Connection', 'close');
  return flat;
}

/** The settings' authorization, else the credentials of the URL. */
function authorizationFor(url: URL, settings: HttpSettings): Authorization | undefined {
  if (settings.authorization !== undefined) return settings.authorization;
  if (url.username === '' && url.password === '') return undefined;
  return basicAuthorization(decoded(url.username), decoded(url.password));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
