import { isIP } from 'node:net';
import { embeddedIpv4 } from './ipv6.ts';
import { isNetwork, NetworkSet, unwrappedAddress } from './network.ts';

/** Where a connection would go. */
export interface Destination {
  /** A name, an address, or the path of a socket. */
  readonly host: string;
  /** The address the name was resolved to; undefined when it is not resolved here. */
  readonly address?: string;
  /** Undefined: no port (ICMP, sockets). */
  readonly port?: number;
}

interface Rule {
  readonly port: number | undefined;
  readonly network?: NetworkSet;
  readonly glob?: string;
  /** A network within `SENSITIVE`. */
  readonly sensitive: boolean;
  /** One address or one name: not a larger network, not a wildcard. */
  readonly single: boolean;
}

/** Link-local addresses and those of cloud metadata services; IPv6 addresses that embed one count, too. */
const SENSITIVE_NETWORKS = [
  '169.254.0.0/16',
  'fe80::/10',
  '100.100.100.200/32',
  '168.63.129.16/32',
  '192.0.0.192/32',
  'fd00:ec2::254/128',
  'fd20:ce::254/128',
] as const;
const SENSITIVE = new NetworkSet(SENSITIVE_NETWORKS);

/** The destinations that may be connected to: networks, hosts and globs, each for every port or for one. */
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
   * Whether an entry covers the destination. A link-local address, or one of a cloud's metadata service, needs a
   * network entry of its own: neither a larger network nor a name that resolves to it covers it.
   * @param open whether an empty list allows every destination
   */
  permits(destination: Destination, open: boolean): boolean {
    const to = normalised(destination);
    const sensitive = to.addresses.some((one) => SENSITIVE.has(one));
    if (this.empty && open && !sensitive) return true;
    return this.#rules.some((rule) => (rule.sensitive || !sensitive) && covers(rule, to));
  }

  /** Whether an entry is for exactly this host or address and this port: `127.0.0.1:10464`. */
  listsExactly(destination: Destination): boolean {
    const to = normalised(destination);
    return this.#rules.some((rule) => rule.single && rule.port !== undefined && covers(rule, to));
  }
}

/** A destination in the form that is compared. */
interface Normalised {
  /** Undefined: a path that may lead anywhere. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** The address, and those to which packets to it may be translated or tunnelled; empty if it is unknown. */
  readonly addresses: readonly string[];
}

function normalised({ host, address, port }: Destination): Normalised {
  const name = normalHost(host);
  const to = unwrappedAddress(address ?? name ?? '');
  return { host: name, port, addresses: isIP(to) === 0 ? [] : [to, ...embeddedIpv4(to)] };
}

/**
 * A name in lower case without the final dot, a number as the address it means (`0xa9fea9fe`), a path without empty and
 * `.` segments. Where `..` leads depends on symbolic links: such a path is never compared.
 */
function normalHost(host: string): string | undefined {
  if (host.startsWith('/')) {
    const segments = host.split('/').filter((segment) => segment !== '' && segment !== '.');
    return segments.includes('..') ? undefined : `/${segments.join('/')}`;
  }
  const name = host.toLowerCase().replace(/\.+$/, '');
  const isNumber = /(?:^|\.)(?:\d+|0x[0-9a-f]*)$/.test(name) && URL.canParse(`http://${name}`);
  return isNumber ? new URL(`http://${name}`).hostname : name;
}

/** An embedded address matches only sensitive entries: others would let it bypass the rule for the address itself. */
function covers({ port, network, glob, sensitive }: Rule, to: Normalised): boolean {
  if (port !== undefined && port !== to.port) return false;
  if (network !== undefined)
    return to.addresses.slice(0, sensitive ? undefined : 1).some((one) => network.has(one));
  return glob !== undefined && to.host !== undefined && matchesGlob(to.host, glob);
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
  const glob = base.startsWith('/') ? base : base.toLowerCase().replace(/\.$/, '');
  return { port: portOf(port), glob, sensitive: false, single: !/[*?]/.test(glob) };
}

function networkRule(cidr: string, port: string | undefined): Rule | undefined {
  if (!isNetwork(cidr) || !isPort(port)) return undefined;
  const network = new NetworkSet([cidr]);
  return { port: portOf(port), network, sensitive: isWithinSensitive(cidr), single: isSingle(cidr) };
}

function isPort(port: string | undefined): boolean {
  return port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
}

function portOf(port: string | undefined): number | undefined {
  return port === undefined ? undefined : Number(port);
}

/** Whether a network is one address. */
function isSingle(cidr: string): boolean {
  const [address = '', length] = cidr.split('/');
  return length === undefined || Number(length) === (isIP(address) === 4 ? 32 : 128);
}

/** Whether a network is within a sensitive one: it begins there and is not larger. */
function isWithinSensitive(cidr: string): boolean {
  const [address = '', length] = cidr.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isSingle(cidr) && embeddedIpv4(address).some((one) => SENSITIVE.has(one))) return true;
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
