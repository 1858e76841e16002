import type { ConfiguredService } from '../config/types.ts';
import { PeriodicTask, type Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Target } from '../domain/service.ts';
import type { Address, Resolver } from '../probes/net/resolver.ts';
import { createResolver, NameNotFoundError } from '../probes/net/resolver.ts';

export interface AddressTargetsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called when a name resolves to other addresses than before. */
  readonly onChange: () => void;
}

/** The names of one service's targets, and the addresses they resolve to. */
interface WatchedService {
  service: ConfiguredService;
  /** By target label; no entry: the name has no address or is not resolved yet. */
  readonly found: Map<string, readonly string[]>;
  readonly lookups: PeriodicTask;
}

/** The longest time between two look-ups: addresses change faster than some service intervals. */
const MAX_INTERVAL_MS = 30_000;
/** At most this many addresses of one name are probed. */
const MAX_ADDRESSES = 64;

/** The name servers of each service, and one target per address for services that ask for it. */
export class AddressTargets {
  readonly #options: AddressTargetsOptions;
  readonly #systemResolver: Resolver;
  readonly #resolvers = new Map<string, Resolver>();
  readonly #watched = new Map<string, WatchedService>();
  readonly #stopped = new AbortController();
  #services: readonly ConfiguredService[] = [];

  constructor(options: AddressTargetsOptions) {
    this.#options = options;
    this.#systemResolver = createResolver({ monotonic: () => options.clock.monotonic() });
  }

  /** Replaces the watched services. Cannot fail. */
  configure(services: readonly ConfiguredService[]): void {
    this.#services = services;
    const wanted = new Map(services.filter((one) => one.allAddresses).map((one) => [one.name, one]));
    for (const [name, watched] of this.#watched) {
      const service = wanted.get(name);
      if (service !== undefined && sameNames(watched.service, service)) continue;
      watched.lookups.stop();
      this.#watched.delete(name);
    }
    for (const service of wanted.values()) {
      const known = this.#watched.get(service.name);
      if (known !== undefined) {
        known.service = service;
        continue;
      }
      this.#watch(service);
    }
  }

  /** The services with one target per address; a name without an address stays a target, whose run reports why. */
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

  /** The resolver of a run: the service's name servers, or this host's; a pinned host is not resolved again. */
  resolverFor(service: ConfiguredService, target: Target): Resolver {
    const base = this.#configuredResolver(service);
    const { host, pinnedAddress: address } = target;
    if (address === undefined) return base;
    const only: readonly Address[] = [{ address, family: address.includes(':') ? 6 : 4 }];
    return {
      lookup: (name, wanted) => (name === host ? Promise.resolve(only) : base.lookup(name, wanted)),
    };
  }

  stop(): void {
    this.#stopped.abort();
    for (const { lookups } of this.#watched.values()) lookups.stop();
  }

  #configuredResolver({ resolver: servers }: ConfiguredService): Resolver {
    if (servers === undefined) return this.#systemResolver;
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

  /** Resolves the names now and periodically. */
  #watch(service: ConfiguredService): void {
    const everyMs = () => Math.min(watched.service.intervalMs, MAX_INTERVAL_MS);
    const run = () => this.#lookUp(watched);
    const lookups = new PeriodicTask(this.#options, 'look-up of addresses', everyMs, run);
    const watched: WatchedService = { service, found: new Map(), lookups };
    this.#watched.set(service.name, watched);
    lookups.start(0);
  }

  async #lookUp(watched: WatchedService): Promise<void> {
    const lists = await Promise.all(
      watched.service.targets.map(
        async (target) => [target, await this.#resolveAll(watched, target)] as const,
      ),
    );
    if (!watched.lookups.active) return;
    const changed = lists.filter(([{ label }, list]) => list?.join() !== watched.found.get(label)?.join());
    for (const [{ label }, list] of changed) {
      if (list !== undefined) watched.found.set(label, list);
    }
    if (changed.some(([, list]) => list !== undefined)) {
      this.#options.logger.info({ service: watched.service.name }, 'the addresses of a name changed');
      this.#options.onChange();
    }
  }

  /** All addresses of a target's name, sorted; undefined when no name server could be asked. */
  async #resolveAll({ service }: WatchedService, { host }: Target): Promise<readonly string[] | undefined> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(service.timeoutMs)]);
    const ask = async (prefer: 4 | 6): Promise<readonly Address[]> => {
      try {
        return await this.#configuredResolver(service).lookup(host, { prefer, fallback: false, signal });
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
  return { ...target, label: `${target.label} (${address})`, pinnedAddress: address };
}

function sameNames(one: ConfiguredService, other: ConfiguredService): boolean {
  const names = ({ resolver = [], targets }: ConfiguredService): string =>
    JSON.stringify([resolver, targets.map(({ label, host }) => [label, host])]);
  return names(one) === names(other);
}
