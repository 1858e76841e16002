import { promises as dns } from 'node:dns';
import { isIP } from 'node:net';
import { orAborted, type CancelSignal } from '../../domain/cancellation.ts';
import type { MonotonicMs } from '../../domain/clock.ts';
import { mappedIpv4 } from '../../domain/ipv6.ts';
import { openRegularFile } from '../../domain/regular-file.ts';
import { errorCode, errorText } from './error-fields.ts';
import type { Hosts, SearchRules } from './name-files.ts';
import { isHostText } from './wire-text.ts';
import { candidates, parseHosts, parseSearchRules } from './name-files.ts';

export interface Address {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface LookupOptions {
  /** The family used when a name has both. */
  readonly prefer: 4 | 6;
  /** Whether the other family is accepted. */
  readonly fallback: boolean;
  readonly signal: CancelSignal;
  /** The port that will be connected to, for access checks; undefined: no port (ICMP). */
  readonly port?: number;
  /** The name is from the configuration and not from a target (a proxy, a token endpoint): never refused. */
  readonly configured?: boolean;
}

/** Resolves names to addresses. */
export interface Resolver {
  /**
   * All addresses of a name (or of an address itself), of one family, at least one.
   * @throws NameNotFoundError when the name has no usable address
   * @throws ResolverUnavailableError when no name server could be asked
   * Rejects at once when the signal aborts.
   */
  lookup(name: string, options: LookupOptions): Promise<readonly Address[]>;
}

/** The name does not exist, or has no address of a usable family. */
export class NameNotFoundError extends Error {
  override readonly name = 'NameNotFoundError';
}

/** The agent has no name server, or none that answers. */
export class ResolverUnavailableError extends Error {
  override readonly name = 'ResolverUnavailableError';
}

export interface ResolverOptions {
  readonly monotonic: () => MonotonicMs;
  /** `/etc/hosts` by default; undefined: no hosts file. */
  readonly hostsFile?: string | undefined;
  /** `/etc/resolv.conf` by default, for the search domains; undefined: no search domains. */
  readonly resolvConf?: string | undefined;
  /** `address[:port]` of the name servers; by default the machine's own. */
  readonly servers?: readonly string[];
}

/** How long the content of the machine's files is used before they are read again. */
const FRESH_MS = 10_000;
/** The c-ares codes of an answer about the name; all others are about the name server. */
const ABOUT_THE_NAME = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EBADNAME', 'EBADRESP', 'EBADQUERY']);

/** The machine's files at one time. The c-ares channel reads the name servers when it is created. */
interface ResolverConfig {
  readonly hosts: Hosts;
  readonly rules: SearchRules;
  readonly channel: dns.Resolver;
}

/** A resolver over the hosts file, then c-ares; never getaddrinfo, whose four threads are shared with disk access. */
export function createResolver(options: ResolverOptions): Resolver {
  let view: Promise<ResolverConfig> | undefined;
  let readAt = 0;

  const current = (): Promise<ResolverConfig> => {
    const now = options.monotonic();
    if (view === undefined || now - readAt > FRESH_MS) {
      readAt = now;
      const before = view;
      view = readResolverConfig(options).catch((error: unknown) => {
        if (before !== undefined) return before;
        view = undefined;
        throw new ResolverUnavailableError(
          `The hosts file of this host cannot be read (${errorCode(error) || errorText(error, 'message')})`,
        );
      });
    }
    return view;
  };

  return {
    lookup: async (name, wanted) => {
      if (isIP(name) !== 0) return choose(name, [toAddress(name)], wanted);
      if (!isHostText(name))
        throw new NameNotFoundError(
          `${JSON.stringify(name)} is not a name: it has white space or control characters`,
        );
      const { hosts, rules, channel } = await orAborted(current(), wanted.signal);
      const listed = hosts.get(name.replace(/\.$/, '').toLowerCase());
      if (listed !== undefined) return choose(name, listed.map(toAddress), wanted);
      return orAborted(askAll(channel, candidates(name, rules), wanted), wanted.signal);
    },
  };
}

async function readResolverConfig(options: ResolverOptions): Promise<ResolverConfig> {
  const hostsFile = 'hostsFile' in options ? options.hostsFile : '/etc/hosts';
  const resolvConf = 'resolvConf' in options ? options.resolvConf : '/etc/resolv.conf';
  const [hosts, search] = await Promise.all([
    hostsFile === undefined ? '' : readOrEmpty(hostsFile),
    resolvConf === undefined ? '' : readOrEmpty(resolvConf),
  ]);
  const channel = new dns.Resolver({ timeout: 2_000, tries: 3 });
  if (options.servers !== undefined) channel.setServers(options.servers);
  return { hosts: parseHosts(hosts), rules: parseSearchRules(search), channel };
}

/** A missing file counts as an empty one; running out of file descriptors does not. */
async function readOrEmpty(path: string): Promise<string> {
  try {
    const file = await openRegularFile(path);
    try {
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** An IPv4 address within an IPv6 one counts as IPv4, as in Go. */
function toAddress(address: string): Address {
  const plain = mappedIpv4(address) ?? address;
  return { address: plain, family: isIP(plain) === 4 ? 4 : 6 };
}

function choose(name: string, all: readonly Address[], wanted: LookupOptions): readonly Address[] {
  const preferred = all.filter(({ family }) => family === wanted.prefer);
  if (preferred.length > 0) return preferred;
  if (wanted.fallback && all.length > 0) return all;
  throw new NameNotFoundError(`${name} has no IPv${wanted.prefer} address, and ip_protocol_fallback is off`);
}

async function askAll(
  channel: dns.Resolver,
  names: readonly string[],
  wanted: LookupOptions,
): Promise<readonly Address[]> {
  let first: NameNotFoundError | undefined;
  for (const name of names) {
    try {
      return await ask(channel, name, wanted);
    } catch (error) {
      if (!(error instanceof NameNotFoundError)) throw error;
      first ??= error;
    }
  }
  throw first ?? new NameNotFoundError('An empty name has no address');
}

/** Asks for both families at once; the answer for the preferred one does not wait for the other. */
async function ask(
  channel: dns.Resolver,
  name: string,
  { prefer, fallback }: LookupOptions,
): Promise<readonly Address[]> {
  const first = askFamily(channel, name, prefer);
  if (!fallback) return first;
  const second = askFamily(channel, name, prefer === 4 ? 6 : 4);
  second.catch(() => undefined);
  try {
    return await first;
  } catch (error) {
    try {
      return await second;
    } catch (other) {
      throw other instanceof ResolverUnavailableError ? other : error;
    }
  }
}

async function askFamily(channel: dns.Resolver, name: string, family: 4 | 6): Promise<readonly Address[]> {
  try {
    const addresses = await (family === 4 ? channel.resolve4(name) : channel.resolve6(name));
    return addresses.map(toAddress);
  } catch (error) {
    const code = errorCode(error) || 'unknown';
    if (code === 'ENOTFOUND') throw new NameNotFoundError(`The name ${name} does not exist`);
    if (code === 'ENODATA') throw new NameNotFoundError(`The name ${name} has no IPv${family} address`);
    if (ABOUT_THE_NAME.has(code))
      throw new NameNotFoundError(`The name ${name} cannot be resolved (${code})`);
    throw new ResolverUnavailableError(`No name server of this host could be queried for ${name} (${code})`);
  }
}
