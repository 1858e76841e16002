import { isIP } from 'node:net';
import { addressBytes } from '../../../domain/ipv6.ts';

/** The names and addresses that a certificate is issued for. */
export interface CertificateNames {
  readonly dns: readonly string[];
  readonly addresses: readonly string[];
}

/** Parses Node's `DNS:a, DNS:b, IP Address:127.0.0.1`; names with unusual characters are JSON strings there. */
export function certificateNamesOf(subjectAltName: string | undefined): CertificateNames {
  const parts = (subjectAltName?.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? []).map((part) => part.trim());
  const after = (prefix: string): readonly string[] =>
    parts.flatMap((part) => (part.startsWith(prefix) ? [unquoted(part.slice(prefix.length))] : []));
  return { dns: after('DNS:'), addresses: after('IP Address:') };
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'string' ? parsed : text;
}

/**
 * Whether a certificate with these names is valid for a host, by Go's rules: only subject alternative names count (no
 * common name), a wildcard is a whole first label, and it matches any label below any domain. Node's own check
 * accepts a common name and partial wildcards, and refuses `*.lan`.
 * @see https://www.rfc-editor.org/rfc/rfc9525#section-6
 */
export function isIssuedFor({ dns, addresses }: CertificateNames, host: string): boolean {
  const bare = host.replace(/^\[(.+)\]$/, '$1').replace(/%.*$/, '');
  if (isIP(bare) !== 0) {
    const wanted = canonicalAddress(bare);
    return addresses.some((address) => isIP(address) !== 0 && canonicalAddress(address) === wanted);
  }
  const name = lowerCase(host);
  const isName = isHostName(name);
  return dns.some((pattern) => {
    const given = lowerCase(pattern);
    if (isName && isPattern(given)) return matchesPattern(given, withoutFinalDot(name));
    return given === name && given !== '' && given !== '.';
  });
}

/** The 16 bytes of an address; an IPv4 address and its mapped form are the same. */
function canonicalAddress(address: string): string {
  const bytes = addressBytes(address);
  const whole = bytes.length === 4 ? [...new Array<number>(10).fill(0), 255, 255, ...bytes] : bytes;
  return whole.join('.');
}

/** ASCII letters only: all others equal only themselves. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

const LABELS = /^[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)*$/;

function isHostName(name: string): boolean {
  return LABELS.test(withoutFinalDot(name));
}

function isPattern(name: string): boolean {
  return LABELS.test(name.startsWith('*.') ? name.slice(2) : name);
}

function matchesPattern(pattern: string, name: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === name;
  const dot = name.indexOf('.');
  return dot >= 0 && name.slice(dot) === pattern.slice(1);
}

/**
 * The server name in a handshake; empty for an address or a socket's path, which have none. An absolute name is
 * sent without its final dot.
 * @see https://www.rfc-editor.org/rfc/rfc6066#section-3
 */
export function serverNameIndication(host: string): string {
  const bare = host.replace(/%.*$/, '');
  if (isIP(bare) !== 0 || host.startsWith('/')) return '';
  return host.replace(/\.+$/, '');
}
