import { connect, isIP, type Socket } from 'node:net';
import { onAbort, type CancelSignal } from '../../domain/cancellation.ts';
import type { Run } from '../prober.ts';
import { agentFault, fail } from './failure.ts';
import type { PhaseTimer } from './phases.ts';
import { NameNotFoundError, ResolverUnavailableError, type Address } from './resolver.ts';
import { connectFailure, unixFailure, type Destination } from './socket-errors.ts';

/** Where to connect to, and with which address family. */
export interface Endpoint {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly prefer: 4 | 6;
  readonly fallback: boolean;
  /** The address to connect from. */
  readonly localAddress?: string | undefined;
  /** The host is from the configuration and not from a target (a proxy, a token endpoint). */
  readonly configured?: boolean;
}

/**
 * Resolves a name and connects to its first address; the phases `resolve` and `connect`. The socket is destroyed when
 * the run's signal aborts; until then it is up to the caller.
 * @throws ProbeFailure
 */
export async function open(run: Run, timer: PhaseTimer, endpoint: Endpoint): Promise<Socket> {
  timer.enter('resolve');
  const address = await resolve(run, endpoint);
  timer.enter('connect');
  return connectTo(run, endpoint, address);
}

/** An endpoint to be resolved; without a port where the protocol has none. */
export type Named = Omit<Endpoint, 'port' | 'localAddress'> & { readonly port?: number };

/**
 * The first address of an endpoint's name.
 * @throws ProbeFailure
 */
export async function resolve(run: Run, endpoint: Named): Promise<Address> {
  const { host, port, prefer, fallback, configured = false } = endpoint;
  try {
    const [first] = await run.resolver.lookup(host, {
      prefer,
      fallback,
      signal: run.signal,
      ...(port !== undefined && { port }),
      ...(configured && { configured }),
    });
    if (first === undefined) throw new NameNotFoundError(`The name ${host} has no address`);
    run.log('resolved', { host, address: first.address });
    return first;
  } catch (error) {
    if (error instanceof NameNotFoundError) throw fail('dns', error.message);
    if (error instanceof ResolverUnavailableError) throw agentFault('agent_resolver', error.message);
    throw error;
  }
}

/**
 * Connects to a resolved address of an endpoint.
 * @throws ProbeFailure
 */
export async function connectTo(
  run: Run,
  { host, port, localAddress }: Endpoint,
  { address, family }: Address,
): Promise<Socket> {
  requireSameFamily(localAddress, { address, family });
  const socket = await dial({ host, address, port, localAddress }, run.signal);
  run.log('connected', { address, port });
  return socket;
}

/** @throws ProbeFailure when the source address is of another family than the address to connect to */
export function requireSameFamily(source: string | undefined, { address, family }: Address): void {
  if (source === undefined || isIP(source) === family) return;
  throw fail('config', `source_ip_address ${source} cannot reach ${address}: one is IPv4, the other IPv6`);
}

/**
 * Connects to one address. Rejects when it cannot, or as soon as the signal aborts.
 * @throws ProbeFailure
 */
export function dial(to: Destination, signal: CancelSignal): Promise<Socket> {
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
    watch(socket, { resolve, reject, failed: (error) => connectFailure(error, to) }, signal);
  });
}

/**
 * Connects to a UNIX domain socket. Rejects when it cannot, or as soon as the signal aborts.
 * @throws ProbeFailure
 */
export function dialUnix(path: string, signal: CancelSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    watch(connect({ path }), { resolve, reject, failed: (error) => unixFailure(error, path) }, signal);
  });
}

interface Settle {
  readonly resolve: (socket: Socket) => void;
  readonly reject: (error: Error) => void;
  readonly failed: (error: unknown) => Error;
}

function watch(socket: Socket, { resolve, reject, failed }: Settle, signal: CancelSignal): void {
  // never removed: a socket that breaks later is noticed by its 'close', and must not throw
  socket.on('error', (error) => reject(failed(error)));
  const closed = (): void => reject(fail('connect', 'The connection was closed while connecting'));
  socket.once('close', closed);
  socket.once('connect', () => {
    socket.removeListener('close', closed);
    resolve(socket);
  });
  socket.once(
    'close',
    onAbort(signal, () => socket.destroy()),
  );
}
