import { isIP } from 'node:net';
import type { EpochMs } from '../../../domain/clock.ts';
import { isLoopback } from '../../../domain/network.ts';
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
 * The cookies of one run: those set by an answer are sent with the requests of its redirects. They are read and written
 * as in Go's net/http and its cookie jar, and hence as in blackbox_exporter.
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
      const at = this.#cookies.findIndex((one) => isSame(one, cookie));
      if (expired) this.#cookies = this.#cookies.filter((_, i) => i !== at);
      else if (at >= 0) this.#cookies = this.#cookies.with(at, cookie);
      else if (this.#cookies.length < MAX_COOKIES) this.#cookies = [...this.#cookies, cookie];
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

const NAME = /^[\w!#$%&'*+.^`|~-]+$/;
/** A value is sent back, so it must not break out of the header. */
const VALUE = /^[\x20!\x23-\x3a\x3c-\x5b\x5d-\x7e]*$/;

function readCookie(header: string, from: WebUrl, now: EpochMs): ReadCookie | undefined {
  if (header.length > MAX_COOKIE_BYTES) return undefined;
  const [pair = '', ...parts] = header.split(';').map(trimmed);
  if (!pair.includes('=')) return undefined;
  const [name, given] = cut(pair);
  const quoted = /^"(.*)"$/.exec(given)?.[1];
  const value = quoted ?? given;
  if (!NAME.test(trimmed(name)) || !VALUE.test(value)) return undefined;
  const valid = parts.map(cut).filter(([, text]) => VALUE.test(text));
  const attributes = new Map(valid.map(([key, text]) => [key.toLowerCase(), text]));
  const scope = scopeOf(attributes.get('domain') ?? '', from.host);
  if (scope === undefined) return undefined;
  const path = attributes.get('path') ?? '';
  const isQuoted = value !== '' && (quoted !== undefined || /[ ,]/.test(value));
  const cookie = {
    name: trimmed(name),
    value: isQuoted ? `"${value}"` : value,
    ...scope,
    path: path.startsWith('/') ? path : defaultPath(from),
    secure: attributes.has('secure'),
  };
  return { cookie, expired: hasExpired(attributes, now) };
}

/** The texts before and after the first `=`. */
function cut(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function trimmed(text: string): string {
  return text.replace(/^[ \t]+|[ \t]+$/g, '');
}

/** A host may set cookies for itself and for a domain above it, but not for a whole top-level domain. */
function scopeOf(given: string, host: string): Pick<Cookie, 'host' | 'below'> | undefined {
  const own = { host, below: false };
  if (given === '') return own;
  if (isIP(host) !== 0) return given === host ? own : undefined;
  const domain = given.replace(/^\./, '').toLowerCase();
  if (!domain.includes('.')) return domain === host ? own : undefined;
  return domain === host || host.endsWith(`.${domain}`) ? { host: domain, below: true } : undefined;
}

/** The time in one of the two formats that Go accepts; its zone is ignored, as there. */
const EXPIRES = /^[a-z]{3}, (\d{2})([ -])([a-z]{3})\2(\d{4}) (\d{1,2}:\d{2}:\d{2}) [a-z]{3,4}$/i;

function hasExpired(attributes: ReadonlyMap<string, string>, now: EpochMs): boolean {
  const age = Number(/^(?:0+|[+-]\d+|[1-9]\d*)$/.exec(attributes.get('max-age') ?? '')?.[0]);
  if (Number.isSafeInteger(age)) return age <= 0;
  const [, day = '', , month = '', year = '', time = ''] =
    EXPIRES.exec(attributes.get('expires') ?? '') ?? [];
  return Date.parse(`${day} ${month} ${year} ${time} GMT`) <= now;
}

function defaultPath({ path }: WebUrl): string {
  const end = path.lastIndexOf('/');
  return end <= 0 ? '/' : path.slice(0, end);
}

function isMeantFor({ host, below, path, secure }: Cookie, to: WebUrl): boolean {
  if (secure && to.scheme !== 'https' && !isLocal(host)) return false;
  if (to.host !== host && !(below && to.host.endsWith(`.${host}`))) return false;
  const pathname = requestTarget({ ...to, query: '' });
  return pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
}

/** This machine counts as secure without TLS, as in browsers. */
function isLocal(host: string): boolean {
  return isLoopback(host) || host.endsWith('.localhost');
}

function isSame(one: Cookie, other: Cookie): boolean {
  return one.name === other.name && one.host === other.host && one.path === other.path;
}
