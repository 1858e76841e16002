import { connect, isIP, type Socket } from 'node:net';
import type { Run } from '../prober.ts';
import { destroyOnAbort } from './abort.ts';
import { agentFault, fail } from './failure.ts';
import type { PhaseTimer } from './phases.ts';
import { NameNotFoundError, ResolverUnavailableError, type Address } from './resolver.ts';
import { connectFailure, type Destination } from './socket-errors.ts';

/** Where to connect to, and by which family of addresses. */
export interface Endpoint {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly prefer: 4 | 6;
  readonly fallback: boolean;
  /** The address to connect from. */
  readonly localAddress?: string | undefined;
}

/**
 * Resolves a name and connects to its first address; the phases `resolve` and `connect`.
 * The socket is destroyed when the run's signal aborts; destroying it before is the caller's.
 * @throws ProbeFailure
 */
export async function open(run: Run, timer: PhaseTimer, endpoint: Endpoint): Promise<Socket> {
  timer.enter('resolve');
  const { address, family } = await resolve(run, endpoint);
  run.log('resolved', { host: endpoint.host, address });
  timer.enter('connect');
  const { host, port, localAddress } = endpoint;
  if (localAddress !== undefined && isIP(localAddress) !== family) {
    throw fail(
      'config',
      `source_ip_address ${localAddress} cannot reach ${address}: one is IPv4, the other IPv6`,
    );
  }
  const socket = await dial({ host, address, port, localAddress }, run.signal);
  run.log('connected', { address, port });
  return socket;
}

async function resolve(run: Run, { host, prefer, fallback }: Endpoint): Promise<Address> {
  try {
    const [first] = await run.resolver.lookup(host, { prefer, fallback, signal: run.signal });
    if (first !== undefined) return first;
    throw new NameNotFoundError(`The name ${host} has no address`);
  } catch (error) {
    if (error instanceof NameNotFoundError) throw fail('dns', error.message);
    if (error instanceof ResolverUnavailableError) throw agentFault('agent_resolver', error.message);
    throw error;
  }
}

/**
 * Connects to one address. Rejects when it cannot, or as soon as the signal aborts.
 * @throws ProbeFailure
 */
export function dial(to: Destination, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const { address, port, localAddress } = to;
    const socket = connect({
      host: address,
      port,
      noDelay: true,
      autoSelectFamily: false,
      ...(localAddress === undefined ? {} : { localAddress }),
    });
    // stays for good: a socket that breaks later is noticed by its 'close', and must not throw
    socket.on('error', (error) => reject(connectFailure(error, to)));
    const closed = (): void => reject(fail('connect', 'The connection was closed while it was made'));
    socket.once('close', closed);
    socket.once('connect', () => {
      socket.removeListener('close', closed);
      resolve(socket);
    });
    destroyOnAbort(socket, signal);
  });
}
