import type { Destination } from '../../domain/allow-list.ts';
import { fail, type ProbeFailure } from '../net/failure.ts';
import type { Resolver } from '../net/resolver.ts';
import type { Run } from '../prober.ts';

/** What stands between one run and the network. */
export interface Guard {
  /** Looks names up and refuses addresses that may not be probed: what it gives is what is dialled. */
  readonly resolver: Resolver;
  readonly permit: NonNullable<Run['permit']>;
  /** Why the target itself, and not one that a redirect or a second look-up led to, was refused. */
  refusal(): string | undefined;
}

/**
 * Guards one run: every host that it wants to reach is asked about, each with the addresses that it was resolved to
 * just then, so that a name that changes between two look-ups gains nothing. Names that the configuration gives
 * (proxies, token endpoints) are not asked about.
 */
export function guardRun(resolver: Resolver, permits: (destination: Destination) => boolean): Guard {
  let asked = 0;
  let refusal: string | undefined;
  const check = (destinations: readonly Destination[]): void => {
    asked += 1;
    const forbidden = destinations.find((destination) => !permits(destination));
    if (forbidden === undefined) return;
    const refused = refuse(forbidden);
    if (asked === 1) refusal = refused.message;
    throw refused;
  };
  return {
    resolver: {
      lookup: async (name, options) => {
        const addresses = await resolver.lookup(name, options);
        if (options.configured === true) return addresses;
        const { port } = options;
        check(addresses.map(({ address }) => ({ host: name, address, ...(port !== undefined && { port }) })));
        return addresses;
      },
    },
    permit: (host, port) => check([{ host, ...(port !== undefined && { port }) }]),
    refusal: () => refusal,
  };
}

function refuse({ host, address, port }: Destination): ProbeFailure {
  const at = address === undefined || address === host ? '' : ` (${address})`;
  const where = port === undefined ? `${host}${at}` : `${host}${at}, port ${port},`;
  return fail('config', `${where} may not be probed: probe_endpoint.allow does not name it`);
}
