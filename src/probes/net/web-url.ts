import { isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';

/**
 * A URL as it is sent: path and query as they were written, as in Go's net/url (RFC 3986). WHATWG's `URL` rewrites
 * them: it resolves dots (`/%2e%2e/x`), encodes `'`, reads `127.1` as an address.
 */
export interface WebUrl {
  /** Lower case, without the colon. */
  readonly scheme: string;
  /** Decoded; undefined when the URL has no user part. */
  readonly user: string | undefined;
  readonly password: string;
  /** For resolving and verifying: lower case, without brackets, with its zone: `fe80::1%eth0`. */
  readonly host: string;
  /** Undefined: the scheme's default. */
  readonly port: number | undefined;
  /** For the header `Host`: the host as written and the port if given, without a zone. */
  readonly authority: string;
  /** Percent-encoded; empty, or it begins with a slash. */
  readonly path: string;
  /** Empty, or it begins with a question mark. */
  readonly query: string;
}

/** Why a text is not a URL; the text, which may hold a password, is not quoted. */
export interface UrlProblem {
  readonly problem: string;
}

type Authority = Pick<WebUrl, 'user' | 'password' | 'host' | 'port' | 'authority'>;

/** The parts of a URL, or of a reference relative to one. */
interface Reference {
  readonly scheme: string | undefined;
  readonly authority: Authority | undefined;
  readonly path: string;
  /** Undefined: it has none, as opposed to an empty one. */
  readonly query: string | undefined;
}

/** Parses a URL with a scheme and a host. */
export function parseWebUrl(text: string): WebUrl | UrlProblem {
  const reference = parseReference(utf8Bytes(text));
  if ('problem' in reference) return reference;
  const { scheme, authority, path, query = '' } = reference;
  if (scheme === undefined || authority === undefined) return { problem: 'the address has no host' };
  return { scheme, ...authority, path, query };
}

/**
 * Resolves a reference such as `../x?y` or `//host/x` against `base`.
 * @param location as received in a header: one character for each byte
 * @see https://www.rfc-editor.org/rfc/rfc3986#section-5.2
 */
export function resolveReference(base: WebUrl, location: string): WebUrl | UrlProblem {
  const reference = parseReference(location);
  if ('problem' in reference) return reference;
  const { scheme, authority, path, query } = reference;
  if (authority !== undefined) {
    const whole = withoutDots(path);
    return { scheme: scheme ?? base.scheme, ...authority, path: whole, query: query ?? '' };
  }
  if (scheme !== undefined) return { problem: 'the address has no host' };
  const merged = path === '' ? base.path : path.startsWith('/') ? path : parentOf(base.path) + path;
  return { ...base, path: withoutDots(merged), query: path === '' ? (query ?? base.query) : (query ?? '') };
}

/** The request target: what follows the method. */
export function requestTarget({ path, query }: WebUrl): string {
  return `${path === '' ? '/' : path}${query}`;
}

/** The port to connect to. */
export function portOf({ scheme, port }: WebUrl): number {
  return port ?? (scheme === 'https' ? 443 : 80);
}

/** Each byte of the text's UTF-8 as one character. */
export function utf8Bytes(text: string): string {
  return /[^\0-\x7f]/.test(text) ? Buffer.from(text).toString('latin1') : text;
}

const PARTS = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(\?[^#]*)?(?:#|$)/i;

function parseReference(bytes: string): Reference | UrlProblem {
  if (/[^\x20-\x7e\x80-\xff]/.test(bytes)) return { problem: 'the address contains control characters' };
  const [, scheme, place, path = '', query] = PARTS.exec(bytes) ?? [];
  const escaped = escapedPath(path);
  if (escaped === undefined) return { problem: 'a % of the path is not followed by two hexadecimal digits' };
  const authority = place === undefined || place === '' ? undefined : parseAuthority(place);
  if (authority !== undefined && 'problem' in authority) return authority;
  if (place === undefined && scheme === undefined && /^[^/]*:/.test(path))
    return { problem: 'the address begins with a colon or an invalid scheme' };
  return {
    scheme: scheme?.toLowerCase(),
    authority,
    path: escaped,
    query: query?.replace(/[^!-~]/g, percentEncoded),
  };
}

/** Go's `EscapedPath`: as written if every character is valid in a path; otherwise decoded and encoded as a whole. */
function escapedPath(path: string): string | undefined {
  if (/^(?:[\w\-.~!$&'()*+,;=:@[\]/]|%[\da-f]{2})*$/i.test(path)) return path;
  if (/%(?![\da-f]{2})/i.test(path)) return undefined;
  return decodedBytes(path).replace(/[^\w\-.~$&+,/:;=@]/g, percentEncoded);
}

function percentEncoded(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function decodedBytes(text: string): string {
  return text.replace(/%([\da-f]{2})/gi, (_all, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function decodedText(bytes: string): string {
  return Buffer.from(decodedBytes(bytes), 'latin1').toString();
}

function parseAuthority(text: string): Authority | UrlProblem {
  const at = text.lastIndexOf('@');
  const userinfo = at < 0 ? undefined : text.slice(0, at);
  if (userinfo !== undefined && /["<>[\]\\ ]/.test(userinfo))
    return { problem: 'user or password has characters that have to be percent-encoded' };
  const [, bracketed, name = '', digits] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(text.slice(at + 1)) ?? [];
  const host = bracketed === undefined ? namedHost(name) : addressHost(bracketed);
  if (host === undefined) return { problem: 'the address has no valid host and port' };
  const port = digits === undefined || digits === '' ? undefined : Number(digits);
  if (port !== undefined && port > 65_535) return { problem: 'the port is not in the range 1 to 65535' };
  const [, user, password = ''] = /^([^:]*)(?::(.*))?$/.exec(userinfo ?? '') ?? [];
  return {
    user: userinfo === undefined ? undefined : decodedText(user ?? ''),
    password: decodedText(password),
    host: host.host.toLowerCase(),
    port,
    authority: port === undefined ? host.written : `${host.written}:${digits ?? ''}`,
  };
}

interface Host {
  readonly host: string;
  readonly written: string;
}

/** A name; non-ASCII ones become Punycode. Percent-encoding is accepted only for non-ASCII characters. */
function namedHost(name: string): Host | undefined {
  if (/%(?![89a-f][\da-f])/i.test(name)) return undefined;
  const text = decodedText(name);
  const ascii = /^[\0-\x7f]*$/.test(text) ? text : domainToASCII(text);
  return /^[\w\-.~!$&'()*+,;=]+$/.test(ascii) ? { host: ascii, written: ascii } : undefined;
}

/**
 * An IPv6 address, with its zone after `%25`.
 * @see https://www.rfc-editor.org/rfc/rfc6874
 */
function addressHost(literal: string): Host | undefined {
  const [address = '', zone] = literal.split('%25');
  if (!isIPv6(address) || address.includes('%')) return undefined;
  if (zone === undefined) return { host: address, written: `[${address}]` };
  return /^[\w.~-]+$/.test(zone) ? { host: `${address}%${zone}`, written: `[${address}]` } : undefined;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** @see https://www.rfc-editor.org/rfc/rfc3986#section-5.2.4 */
function withoutDots(path: string): string {
  if (path === '') return '';
  const kept: string[] = [];
  const segments = path.replace(/^\//, '').split('/');
  for (const segment of segments) {
    if (segment === '..') kept.pop();
    else if (segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1);
  if ((last === '.' || last === '..') && kept.length > 0) kept.push('');
  return `/${kept.join('/')}`;
}
