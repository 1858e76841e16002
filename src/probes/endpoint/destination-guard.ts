import type { Destination } from '../../domain/allow-list.ts';
import { fail, type ProbeFailure } from '../net/failure.ts';
import type { Resolver } from '../net/resolver.ts';
import type { Run } from '../prober.ts';

/** The access checks of one run. */
export interface DestinationGuard {
  /** Resolves names and refuses addresses that may not be probed: the run dials the addresses it returns. */
  readonly resolver: Resolver;
  readonly permit: NonNullable<Run['permit']>;
  /** Why the target itself was refused, as opposed to one that a redirect or a second look-up led to. */
  refusal(): string | undefined;
}

interface Rules {
  readonly permits: (destination: Destination) => boolean;
  /** Whether it is Tocsin's own listener, and no entry allows it to be probed. */
  readonly isOwn: (destination: Destination) => boolean;
}

/**
 * Guards one run: every host it connects to is checked together with the addresses that it was just resolved to, so
 * that a name that changes between two look-ups gains nothing. Names from the configuration (proxies, token endpoints)
 * are refused only where they lead to Tocsin itself, which would act on the request.
 */
export function guardDestinations(resolver: Resolver, { permits, isOwn }: Rules): DestinationGuard {
  let asked = 0;
  let refusal: string | undefined;
  const check = (destinations: readonly Destination[], configured: boolean): void => {
    asked += 1;
    const own = destinations.find(isOwn);
    const forbidden = configured ? undefined : destinations.find((destination) => !permits(destination));
    const refused = own === undefined ? forbidden && refuse(forbidden) : refuseOwn(own);
    if (refused === undefined) return;
    if (asked === 1) refusal = refused.message;
    throw refused;
  };
  return {
    resolver: {
      lookup: async (name, options) => {
        const addresses = await resolver.lookup(name, options);
        const { port, configured = false } = options;
        const to = { host: name, ...(port !== undefined && { port }) };
        check(
          addresses.map(({ address }) => ({ ...to, address })),
          configured,
        );
        return addresses;
      },
    },
    permit: (host, port) => check([{ host, ...(port !== undefined && { port }) }], false),
    refusal: () => refusal,
  };
}

function refuse(destination: Destination): ProbeFailure {
  const where = describeDestination(destination);
  return fail('config', `${where} may not be probed: probe_endpoint.allow does not name it`);
}

function refuseOwn(destination: Destination): ProbeFailure {
  const { host, address = host, port } = destination;
  const entry = `${address.includes(':') ? `[${address}]` : address}:${String(port)}`;
  return fail(
    'config',
    `${describeDestination(destination)} may not be probed: Tocsin itself listens there and would execute what a module sends. ` +
      `To allow it, add ${entry} to probe_endpoint.allow`,
  );
}

function describeDestination({ host, address, port }: Destination): string {
  const at = address === undefined || address === host ? '' : ` (${address})`;
  return port === undefined ? `${host}${at}` : `${host}${at}, port ${port},`;
}
