import type { Config, ServerConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { Connections } from '../http/connections.ts';
import type { ConnectionOutcome } from '../metrics/self/instruments.ts';
import { ClientDisconnects } from '../http/client-disconnects.ts';
import { guardRead, identifyClient } from '../http/middleware/access.ts';
import { ConcurrencyLimiter, type ConcurrencyLimits } from '../http/concurrency-limiter.ts';
import { ReadResponder } from '../http/reads/read-responder.ts';
import { SendBuffers } from '../http/send-buffers.ts';
import { RejectedClientsLog } from '../http/rejected-clients-log.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';

export interface Clients {
  readonly connections: Connections;
  readonly rejectedClientsLog: RejectedClientsLog;
  /** Logs deliveries without the right token or signature. */
  readonly rejectedDeliveriesLog: RejectedClientsLog;
  /** The memory of answers that are not read yet, on every route. */
  readonly sendBuffers: SendBuffers;
  readonly clientDisconnects: ClientDisconnects;
  /** Identifies the sender of a request. */
  readonly clientOf: ReturnType<typeof identifyClient>;
  readonly reads: ReadResponder;
  /** Limits the event streams. */
  readonly streamLimiter: ConcurrencyLimiter;
}

interface ClientsOptions {
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly selfMetrics: SelfMetrics;
}

/** One of this many places of each total is reserved for clients with a token. */
const TOKEN_FRACTION = 4;
/** Streams keep their connections: they may have one of this many, the rest is for short requests. */
const STREAM_FRACTION = 4;

/** The limits on clients, how each connection ended, and the log of refused ones. */
export function createClients({ config, clock, logger, selfMetrics }: ClientsOptions): Clients {
  const rejectedClientsLog = new RejectedClientsLog({ clock, logger });
  const rejectedDeliveriesLog = new RejectedClientsLog({
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
        shortIdleMs: server.headerTimeoutMs,
        trusted: metrics.trusted,
        proxies: server.trustedProxies,
      };
    },
    onOpen: (open) => selfMetrics.connections.open(open),
    onEnd: (outcome: ConnectionOutcome, address) => {
      selfMetrics.connections.ended(outcome);
      if (outcome !== 'used') rejectedClientsLog.record(`connection ${outcome}`, address);
    },
  });
  const sendBuffers = new SendBuffers(() => config().metrics.maxUnsentBytes);
  const clientDisconnects = new ClientDisconnects(clock);
  const clientOf = identifyClient(server);
  const reads = new ReadResponder({
    authorize: guardRead('read', server),
    limiter: new ConcurrencyLimiter(() => readLimits(server())),
    clientOf,
    sendBuffers,
    clientDisconnects,
    connections,
    rejectedClientsLog,
    sendMs: () => server().requestTimeoutMs,
    clock,
  });
  const streamLimiter = new ConcurrencyLimiter(() => streamLimits(server()));
  return {
    connections,
    rejectedClientsLog,
    rejectedDeliveriesLog,
    sendBuffers,
    clientDisconnects,
    clientOf,
    reads,
    streamLimiter,
  };
}

function readLimits({ maxReads, maxReadsPerAddress, tokens }: ServerConfig): ConcurrencyLimits {
  return { max: maxReads, maxPerAddress: maxReadsPerAddress, reserved: reservedForTokens(maxReads, tokens) };
}

function streamLimits({ maxConnections, maxConnectionsPerAddress, tokens }: ServerConfig): ConcurrencyLimits {
  const max = Math.ceil(maxConnections / STREAM_FRACTION);
  const maxPerAddress = Math.ceil(Math.min(max, maxConnectionsPerAddress) / 2);
  return { max, maxPerAddress, reserved: reservedForTokens(max, tokens) };
}

function reservedForTokens(max: number, tokens: ServerConfig['tokens']): number {
  return tokens.length === 0 ? 0 : Math.floor(max / TOKEN_FRACTION);
}
