import { isIPv6 } from 'node:net';
import type { TargetProblem } from '../prober.ts';

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

const EXPECTED = 'expected host:port, such as db.example:5432 or [2001:db8::1]:5432';

/** Reads `host:port`, or says what is wrong with it. */
export function hostPort(address: string): HostPort | TargetProblem {
  const match = /^(?:\[([^\]]*)\]|([^:[\]/@\s]+)):(\d{1,5})$/.exec(address);
  if (match === null) return { problem: `${describe(address)}; ${EXPECTED}` };
  const [, bracketed, plain = '', digits] = match;
  if (bracketed !== undefined && !isIPv6(bracketed))
    return { problem: `"[${bracketed}]" is not an IPv6 address; ${EXPECTED}` };
  const port = Number(digits);
  if (port < 1 || port > 65_535) return { problem: `port ${port} is not one of 1 to 65535; ${EXPECTED}` };
  return { host: bracketed ?? plain, port };
}

function describe(address: string): string {
  // what stands before an @ may be a password
  if (address.includes('@') || address.includes('://')) return 'a URL was given';
  return /:\d+$/.test(address) ? `"${address}" is not an address` : `"${address}" has no port`;
}
