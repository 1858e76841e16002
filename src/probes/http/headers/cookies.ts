import { isIP } from 'node:net';
import type { EpochMs } from '../../../domain/clock.ts';
import { requestTarget, type WebUrl } from '../../net/web-url.ts';

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  /** Whether subdomains of `host` get it, too. */
  readonly below: boolean;
  readonly path: string;
  readonly secure: boolean;
}

const MAX_COOKIES = 100;
const MAX_COOKIE_BYTES = 4_096;

/**
 * The cookies of one run: those set by an answer are sent with the requests of its redirects.
 * @see https://www.rfc-editor.org/rfc/rfc6265#section-5
 */
export class CookieJar {
  readonly #now: () => EpochMs;
  #cookies: readonly Cookie[] = [];

  /** @param now a cookie that has already expired is ignored */
  constructor(now: () => EpochMs) {
    this.#now = now;
  }

  /** Stores the cookies of an answer's `Set-Cookie` headers. */
  take(from: WebUrl, headers: readonly string[] = []): void {
    for (const header of headers) {
      const read = readCookie(header, from, this.#now());
      if (read === undefined) continue;
      const { cookie, expired } = read;
      const others = this.#cookies.filter((one) => !isSame(one, cookie));
      if (expired) this.#cookies = others;
      else if (others.length < MAX_COOKIES) this.#cookies = [...others, cookie];
    }
  }

  /** The `Cookie` header for a request; undefined when there is nothing to send. */
  header(to: WebUrl): string | undefined {
    const fit = this.#cookies.filter((cookie) => isMeantFor(cookie, to));
    if (fit.length === 0) return undefined;
    const longestFirst = [...fit].sort((a, b) => b.path.length - a.path.length);
    return longestFirst.map(({ name, value }) => `${name}=${value}`).join('; ');
  }
}

interface ReadCookie {
  readonly cookie: Cookie;
  readonly expired: boolean;
}

function readCookie(header: string, from: WebUrl, now: EpochMs): ReadCookie | undefined {
  if (header.length > MAX_COOKIE_BYTES) return undefined;
  const [pair = '', ...parts] = header.split(';');
  const at = pair.indexOf('=');
  const name = pair.slice(0, Math.max(0, at)).trim();
  const value = pair.slice(at + 1).trim();
  // a value is sent back as received, so it must not break out of the header
  if (at < 1 || name === '' || /[^\x20-\x7e]|[\x7f]/.test(name + value)) return undefined;
  const attributes = new Map(
    parts.map((part) => {
      const [key = '', ...rest] = part.split('=');
      return [key.trim().toLowerCase(), rest.join('=').trim()] as const;
    }),
  );
  const domain = (attributes.get('domain') ?? '').replace(/^\./, '').toLowerCase();
  const { host } = from;
  if (domain !== '' && !mayCover(domain, host)) return undefined;
  const path = attributes.get('path') ?? '';
  const cookie = {
    name,
    value,
    host: domain === '' ? host : domain,
    below: domain !== '' && isIP(host) === 0,
    path: path.startsWith('/') ? path : defaultPath(from),
    secure: attributes.has('secure'),
  };
  return { cookie, expired: hasExpired(attributes, now) };
}

/** A host may set cookies for itself and for a domain above it, but not for a whole top-level domain. */
function mayCover(domain: string, host: string): boolean {
  if (domain === host) return true;
  return isIP(host) === 0 && domain.includes('.') && host.endsWith(`.${domain}`);
}

function hasExpired(attributes: ReadonlyMap<string, string>, now: EpochMs): boolean {
  const age = attributes.get('max-age');
  if (age !== undefined && /^-?\d+$/.test(age)) return Number(age) <= 0;
  const expires = Date.parse(attributes.get('expires') ?? '');
  return expires <= now;
}

function defaultPath({ path }: WebUrl): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

function isMeantFor({ host, below, path, secure }: Cookie, to: WebUrl): boolean {
  if (secure && to.scheme !== 'https') return false;
  if (to.host !== host && !(below && to.host.endsWith(`.${host}`))) return false;
  const pathname = requestTarget({ ...to, query: '' });
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}

function isSame(one: Cookie, other: Cookie): boolean {
  return one.name === other.name && one.host === other.host && one.path === other.path;
}
