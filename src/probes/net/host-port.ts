import { isIPv6 } from 'node:net';
import type { TargetProblem } from '../prober.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const EXPECTED = 'expected host:port, such as db.example:5432 or [2001:db8::1]:5432';

/** Parses `host:port`, or returns the problem. */
export function hostPort(address: string): HostPort | TargetProblem {
  const match = /^(?:\[([^\]]*)\]|([^:[\]/@\s\p{Cc}]+)):(\d{1,5})$/u.exec(address);
  if (match === null) return { problem: `${describe(address)}; ${EXPECTED}` };
  const [, bracketed, plain = '', digits] = match;
  if (bracketed !== undefined && !isIPv6(bracketed))
    return { problem: `"[${bracketed}]" is not an IPv6 address; ${EXPECTED}` };
  const port = Number(digits);
  if (port < 1 || port > 65_535)
    return { problem: `port ${port} is not in the range 1 to 65535; ${EXPECTED}` };
  return { host: bracketed ?? plain, port };
}

function describe(address: string): string {
  // the text before an @ may be a password
  if (address.includes('@') || address.includes('://')) return 'a URL was given';
  return /:\d+$/.test(address) ? `"${address}" is not an address` : `"${address}" has no port`;
}

/** A server with an optional port, for protocols with a default one. */
export interface Server {
  /** Without brackets. */
  readonly host: string;
  readonly port: number | undefined;
}

/**
 * Parses a host with or without port: `name`, `name:53`, `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]:53`.
 * @param expected what the problem says was expected
 */
export function serverAddress(text: string, expected: string): Server | TargetProblem {
  if (isIPv6(text)) return { host: text, port: undefined };
  const match = /^(?:\[([^\]]*)\]|([^:[\]/@?#\s\p{Cc}]+))(?::(\d{1,5}))?$/u.exec(text);
  if (match === null) {
    // the text before an @ may be a password
    const given = text.includes('@') ? 'an address with an @' : `"${text}"`;
    return { problem: `${given} is not a server; ${expected}` };
  }
  const [, bracketed, plain = '', digits] = match;
  if (bracketed !== undefined && !isIPv6(bracketed))
    return { problem: `"[${bracketed}]" is not an IPv6 address; ${expected}` };
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535))
    return { problem: `port ${port} is not in the range 1 to 65535; ${expected}` };
  return { host: bracketed ?? plain, port };
}
