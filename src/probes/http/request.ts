import type { WebUrl } from '../net/web-url.ts';
import type { Authorization } from './auth/auth.ts';
import { basicAuthorization } from './auth/auth.ts';
import type { HttpSettings } from './settings.ts';
import { USER_AGENT } from './headers/user-agent.ts';

/** One request of a run: the first, or one after a redirect. */
export interface HopRequest {
  readonly url: WebUrl;
  readonly method: string;
  readonly body: string | undefined;
  /** Whether it goes to the target itself, or to another host after a redirect. */
  readonly ownHost: boolean;
}

/** Headers that only the target itself may see. */
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
export function firstRequest(url: WebUrl, { method, body }: HttpSettings): HopRequest {
  return { url, method, body, ownHost: true };
}

/** Headers that are known only during a run. */
export interface ExtraHeaders {
  /** Replaces the authorization of the settings. */
  readonly authorization?: Authorization | undefined;
  readonly proxyAuthorization?: Authorization | undefined;
  /** Cookies set by earlier answers of this run. */
  readonly cookies?: string | undefined;
}

/** The headers of a request as a flat list of names and values, `Host` and `Connection` included. */
export function requestHeaders(
  request: HopRequest,
  settings: HttpSettings,
  extra: ExtraHeaders = {},
): string[] {
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
  if (!given.has('host')) flat.unshift('Host', url.authority);
  if (!given.has('user-agent')) flat.push('User-Agent', USER_AGENT);
  for (const { name, value } of settings.privateHeaders) {
    if (typeof value === 'string') flat.push(name, value);
    else if (ownHost) flat.push(name, value.reveal());
  }
  addCookies(flat, extra.cookies);
  const own = ownHost && !given.has('authorization') ? authorizationFor(url, settings) : undefined;
  const authorization = extra.authorization ?? own;
  if (authorization !== undefined) flat.push('Authorization', authorization.reveal());
  if (extra.proxyAuthorization !== undefined)
    flat.push('Proxy-Authorization', extra.proxyAuthorization.reveal());
  if (body !== undefined) flat.push('Content-Length', String(Buffer.byteLength(body)));
  if (!staysOpen(settings)) flat.push('Connection', 'close');
  return flat;
}

/** A request to switch protocols, or one with its own `Connection: close`, is left as it is, as in Go. */
function staysOpen({ headers }: HttpSettings): boolean {
  const connection = headers.find(([name]) => name.toLowerCase() === 'connection')?.[1] ?? '';
  const tokens = connection.toLowerCase().split(/\s*,\s*/);
  const upgrades = headers.some(([name, value]) => name.toLowerCase() === 'upgrade' && value !== '');
  return tokens.includes('close') || (upgrades && tokens.includes('upgrade'));
}

/** Cookies are sent in one header, the configured ones first. */
function addCookies(flat: string[], cookies: string | undefined): void {
  if (cookies === undefined) return;
  const at = flat.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'cookie');
  if (at < 0) flat.push('Cookie', cookies);
  else flat[at + 1] = `${flat[at + 1] ?? ''}; ${cookies}`;
}

/** The authorization of the settings, else the credentials of the URL. */
function authorizationFor(url: WebUrl, settings: HttpSettings): Authorization | undefined {
  if (settings.authorization !== undefined) return settings.authorization;
  const { user = '', password } = url;
  return user === '' && password === '' ? undefined : basicAuthorization(user, password);
}
