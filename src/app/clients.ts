import type { Config, ServerConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { Connections } from '../http/connections.ts';
import type { ConnectionOutcome } from '../metrics/self/instruments.ts';
import { Departures } from '../http/client-disconnects.ts';
import { guardRead, placeClient } from '../http/middleware/access.ts';
import { Places, type PlaceLimits } from '../http/places.ts';
import { Reads } from '../http/reads/reads.ts';
import { Unsent } from '../http/send-buffers.ts';
import { Unserved } from '../http/rejected-clients-log.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';

export interface Clients {
  readonly connections: Connections;
  readonly unserved: Unserved;
  /** Logs deliveries without the right token or signature. */
  readonly refusedDeliveries: Unserved;
  /** The memory of answers that are not read yet, on every route. */
  readonly unsent: Unsent;
  readonly departures: Departures;
  /** Identifies the sender of a request. */
  readonly client: ReturnType<typeof placeClient>;
  readonly reads: Reads;
  /** Limits the event streams. */
  readonly streams: Places;
}

interface ClientsOptions {
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: SelfMetrics;
}

/** One of this many places of each total is reserved for clients with a token. */
const TOKEN_SHARE = 4;
/** Streams keep their connections: they may have one of this many, the rest is for short requests. */
const STREAM_SHARE = 4;

/** The limits on clients, how each connection ended, and the log of refused ones. */
export function createClients({ config, clock, logger, self }: ClientsOptions): Clients {
  const unserved = new Unserved({ clock, logger });
  const refusedDeliveries = new Unserved({
    clock,
    logger,
    summary: {
      level: 'warn',
      message:
        'deliveries were refused (401) and their alerts not recorded: correct the token or secret of the sender',
    },
  });
  const server = () => config().server;
  const connections = new Connections({
    limits: () => {
      const { server, metrics } = config();
      return {
        max: server.maxConnections,
        maxPerAddress: server.maxConnectionsPerAddress,
        briefIdleMs: server.headerTimeoutMs,
        trusted: metrics.trusted,
        proxies: server.trustedProxies,
      };
    },
    onOpen: (open) => self.connections.open(open),
    onEnd: (outcome: ConnectionOutcome, address) => {
      self.connections.ended(outcome);
      if (outcome !== 'used') unserved.note(`connection ${outcome}`, address);
    },
  });
  const unsent = new Unsent(() => config().metrics.maxUnsentBytes);
  const departures = new Departures(clock);
  const client = placeClient(server);
  const reads = new Reads({
    authorize: guardRead('read', server),
    places: new Places(() => readLimits(server())),
    client,
    unsent,
    departures,
    connections,
    unserved,
    sendMs: () => server().requestTimeoutMs,
    clock,
  });
  const streams = new Places(() => streamLimits(server()));
  return { connections, unserved, refusedDeliveries, unsent, departures, client, reads, streams };
}

function readLimits({ maxReads, maxReadsPerAddress, tokens }: ServerConfig): PlaceLimits {
  return { max: maxReads, maxPerAddress: maxReadsPerAddress, reserved: reservedOf(maxReads, tokens) };
}

function streamLimits({ maxConnections, maxConnectionsPerAddress, tokens }: ServerConfig): PlaceLimits {
  const max = Math.ceil(maxConnections / STREAM_SHARE);
  const maxPerAddress = Math.ceil(Math.min(max, maxConnectionsPerAddress) / 2);
  return { max, maxPerAddress, reserved: reservedOf(max, tokens) };
}

function reservedOf(max: number, tokens: ServerConfig['tokens']): number {
  return tokens.length === 0 ? 0 : Math.floor(max / TOKEN_SHARE);
}
