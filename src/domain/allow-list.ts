import { isIP } from 'node:net';
import { isNetwork, NetworkSet, plainAddress } from './network.ts';

/** Where a connection would go. */
export interface Destination {
  /** A name or an address, or the path of a socket. */
  readonly host: string;
  /** What the name was resolved to; undefined when it is not resolved here. */
  readonly address?: string;
  /** Undefined: without a port (ICMP, sockets). */
  readonly port?: number;
}

interface Rule {
  readonly port: number | undefined;
  readonly network?: NetworkSet;
  readonly glob?: string;
  /** A network within `SENSITIVE`. */
  readonly sensitive: boolean;
}

/** Link-local addresses and where clouds keep credentials, also as NAT64 and 6to4 write them. */
const SENSITIVE_NETWORKS = [
  '169.254.0.0/16',
  'fe80::/10',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
  '64:ff9b::a9fe:0/112',
  '64:ff9b::6464:64c8/128',
  '2002:a9fe::/32',
] as const;
const SENSITIVE = new NetworkSet(SENSITIVE_NETWORKS);

/** Which destinations may be connected to: networks, hosts and globs, each for every port or for one. */
export class AllowList {
  readonly #rules: readonly Rule[];
  readonly empty: boolean;

  /** @param entries each must satisfy `isAllowEntry` */
  constructor(entries: readonly string[]) {
    this.empty = entries.length === 0;
    this.#rules = entries.map((entry) => {
      const rule = parseRule(entry);
      if (rule === undefined) throw new Error(`"${entry}" is not a network, host or glob`);
      return rule;
    });
  }

  /**
   * Whether an entry covers the destination. A link-local address, or one of a cloud's metadata, needs a network entry
   * of its own: neither a larger network nor a name that leads there covers it.
   * @param open whether no entries at all stand for every destination
   */
  permits(destination: Destination, open: boolean): boolean {
    const host = destination.host.toLowerCase().replace(/\.$/, '');
    const address = plainAddress(destination.address ?? host);
    const isAddress = isIP(address) !== 0;
    const sensitive = isAddress && SENSITIVE.has(address);
    if (this.empty && open && !sensitive) return true;
    return this.#rules.some(({ port, network, glob, sensitive: named }) => {
      if (port !== undefined && port !== destination.port) return false;
      if (sensitive && !named) return false;
      if (network !== undefined) return isAddress && network.has(address);
      return glob !== undefined && matchesGlob(host, glob);
    });
  }
}

/** Whether a text is an entry of an allow list: `10.0.0.0/8`, `*.example.com:443`, `[fd00::/8]:80`, `/run/*.sock`. */
export function isAllowEntry(text: string): boolean {
  return parseRule(text) !== undefined;
}

function parseRule(entry: string): Rule | undefined {
  const bracketed = /^\[([^\]]+)\](?::(\d{1,5}))?$/.exec(entry);
  if (bracketed !== null) return networkRule(bracketed[1] ?? '', bracketed[2]);
  if (isNetwork(entry)) return networkRule(entry, undefined);
  const [, base = entry, port] = /^(.*):(\d{1,5})$/.exec(entry) ?? [];
  if (isNetwork(base) && !base.includes(':')) return networkRule(base, port);
  const valid = base.startsWith('/') ? /^[\w.*?/@+-]+$/.test(base) : /^[\w.*?-]+$/.test(base);
  if (!valid || !isPort(port)) return undefined;
  return { port: portOf(port), glob: base.toLowerCase().replace(/\.$/, ''), sensitive: false };
}

function networkRule(cidr: string, port: string | undefined): Rule | undefined {
  if (!isNetwork(cidr) || !isPort(port)) return undefined;
  return { port: portOf(port), network: new NetworkSet([cidr]), sensitive: isWithinSensitive(cidr) };
}

function isPort(port: string | undefined): boolean {
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
}

function portOf(port: string | undefined): number | undefined {
  return port === undefined ? undefined : Number(port);
}

/** Whether a network lies within one of the sensitive ones: it begins there and is not larger. */
function isWithinSensitive(cidr: string): boolean {
  const [address = '', length] = cidr.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  return SENSITIVE_NETWORKS.some((network) => {
    const larger = Number(network.split('/')[1]);
    return Number(length ?? bits) >= larger && new NetworkSet([network]).has(address);
  });
}

/** Matches `*` (any text) and `?` (one character), without backtracking further than the last `*`. */
function matchesGlob(text: string, glob: string): boolean {
  let [at, to, star, retry] = [0, 0, -1, 0];
  while (at < text.length) {
    if (to < glob.length && (glob[to] === '?' || glob[to] === text[at]) && glob[to] !== '*') {
      at += 1;
      to += 1;
    } else if (glob[to] === '*') {
      star = to;
      retry = at;
      to += 1;
    } else if (star >= 0) {
      retry += 1;
      at = retry;
      to = star + 1;
    } else {
      return false;
    }
  }
  return /^\**$/.test(glob.slice(to));
}
