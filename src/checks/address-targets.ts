import type { ConfiguredService } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Target } from '../domain/service.ts';
import type { Address, Resolver } from '../probes/net/resolver.ts';
import { createResolver, NameNotFoundError } from '../probes/net/resolver.ts';

export interface AddressesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** A name has other addresses than before. */
  readonly onChange: () => void;
}

/** The names of one service's targets, and what they were resolved to. */
interface Watched {
  service: ConfiguredService;
  /** By the target's label; none: the name has no address, or was not resolved yet. */
  readonly found: Map<string, readonly string[]>;
  stop: () => void;
}

/** Longer intervals are not waited for: addresses come and go faster than that. */
const MOST_MS = 30_000;
/** More of one name are not probed. */
const MAX_ADDRESSES = 64;

/** Name servers of services, and one target for each address where a service asks for that. */
export class Addresses {
  readonly #options: AddressesOptions;
  readonly #own: Resolver;
  readonly #resolvers = new Map<string, Resolver>();
  readonly #watched = new Map<string, Watched>();
  readonly #stopped = new AbortController();
  #services: readonly ConfiguredService[] = [];

  constructor(options: AddressesOptions) {
    this.#options = options;
    this.#own = createResolver({ monotonic: () => options.clock.monotonic() });
  }

  /** Makes these services the ones whose names are watched. Cannot fail. */
  configure(services: readonly ConfiguredService[]): void {
    this.#services = services;
    const wanted = new Map(services.filter((one) => one.allAddresses).map((one) => [one.name, one]));
    for (const [name, watched] of this.#watched) {
      const service = wanted.get(name);
      if (service !== undefined && sameNames(watched.service, service)) continue;
      watched.stop();
      this.#watched.delete(name);
    }
    for (const service of wanted.values()) {
      const known = this.#watched.get(service.name);
      if (known !== undefined) {
        known.service = service;
        continue;
      }
      const watched = { service, found: new Map<string, readonly string[]>(), stop: () => undefined };
      this.#watched.set(service.name, watched);
      void this.#watch(watched);
    }
  }

  /** The services with a target for each address; a name without one stays a target, which tells why. */
  services(): readonly ConfiguredService[] {
    return this.#services.map((service) => {
      const watched = this.#watched.get(service.name);
      if (watched === undefined) return service;
      const targets = service.targets.flatMap((target): readonly Target[] => {
        const addresses = watched.found.get(target.label) ?? [];
        return addresses.length === 0 ? [target] : addresses.map((address) => pinned(target, address));
      });
      return { ...service, targets };
    });
  }

  /** By what the names of a run resolve: the service's name servers, or this host's; a pinned host stays what it is. */
  resolverFor(service: ConfiguredService, target: Target): Resolver {
    const base = this.#base(service);
    const { host, pinned: address } = target;
    if (address === undefined) return base;
    const only: readonly Address[] = [{ address, family: address.includes(':') ? 6 : 4 }];
    return {
      lookup: (name, wanted) => (name === host ? Promise.resolve(only) : base.lookup(name, wanted)),
    };
  }

  stop(): void {
    this.#stopped.abort();
    for (const { stop } of this.#watched.values()) stop();
  }

  #base({ resolver: servers }: ConfiguredService): Resolver {
    if (servers === undefined) return this.#own;
    const key = servers.join(' ');
    const known = this.#resolvers.get(key);
    if (known !== undefined) return known;
    const { clock } = this.#options;
    const made = createResolver({
      monotonic: () => clock.monotonic(),
      hostsFile: undefined,
      resolvConf: undefined,
      servers,
    });
    this.#resolvers.set(key, made);
    return made;
  }

  /** Resolves the names now and from time to time. */
  async #watch(watched: Watched): Promise<void> {
    const replaced = new AbortController();
    watched.stop = () => replaced.abort();
    const lists = await Promise.all(
      watched.service.targets.map(async (target) => [target, await this.#all(watched, target)] as const),
    );
    if (replaced.signal.aborted || this.#stopped.signal.aborted) return;
    const changed = lists.filter(([{ label }, list]) => list?.join() !== watched.found.get(label)?.join());
    for (const [{ label }, list] of changed) {
      if (list !== undefined) watched.found.set(label, list);
    }
    const { intervalMs, name } = watched.service;
    if (changed.some(([, list]) => list !== undefined)) {
      this.#options.logger.info({ service: name }, 'a name has other addresses');
      this.#options.onChange();
    }
    watched.stop = this.#options.clock.after(Math.min(intervalMs, MOST_MS), () => void this.#watch(watched));
  }

  /** All addresses of a target's name, sorted; undefined when nobody could be asked. */
  async #all({ service }: Watched, { host }: Target): Promise<readonly string[] | undefined> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(service.timeoutMs)]);
    const ask = async (prefer: 4 | 6): Promise<readonly Address[]> => {
      try {
        return await this.#base(service).lookup(host, { prefer, fallback: false, signal });
      } catch (error) {
        if (error instanceof NameNotFoundError) return [];
        throw error;
      }
    };
    try {
      const both = await Promise.all([ask(4), ask(6)]);
      const addresses = both.flat().map(({ address }) => address);
      return [...new Set(addresses)].sort().slice(0, MAX_ADDRESSES);
    } catch {
      return undefined;
    }
  }
}

function pinned(target: Target, address: string): Target {
  if (target.host === address) return target;
  return { ...target, label: `${target.label} (${address})`, pinned: address };
}

function sameNames(one: ConfiguredService, other: ConfiguredService): boolean {
  const names = ({ resolver = [], targets }: ConfiguredService): string =>
    JSON.stringify([resolver, targets.map(({ label, host }) => [label, host])]);
  return names(one) === names(other);
}
