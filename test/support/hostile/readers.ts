import { startGenerator, type Generator } from './generator.ts';

export interface HostileOptions {
  readonly port: number;
  readonly clients: number;
  /** Number of loopback addresses that they come from, at most 250. */
  readonly addresses: number;
}

/** What hostile readers did and were answered. */
export interface HostileCounts {
  readonly asked: number;
  /** First answers of connections that read, by status. */
  readonly answers: Readonly<Record<string, number>>;
  /** Connections that ended, from either side. */
  readonly ended: number;
}

/** Starts the clients of readers.mjs in a separate process. */
export function startHostileReaders({
  port,
  clients,
  addresses,
}: HostileOptions): Promise<Generator<HostileCounts>> {
  return startGenerator(new URL('./readers.mjs', import.meta.url), [port, clients, addresses]);
}
