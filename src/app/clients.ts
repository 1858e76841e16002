import type { Config } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { Connections, type ConnectionOutcome } from '../http/connections.ts';
import { Unserved } from '../http/unserved.ts';
import type { SelfMetrics } from '../metrics/self.ts';

export interface Clients {
  readonly connections: Connections;
  readonly unserved: Unserved;
  /** Deliveries without the right token or signature. */
  readonly refusedDeliveries: Unserved;
}

interface ClientsOptions {
  /** The configuration in force. */
  readonly config: () => Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: SelfMetrics;
}

/** What is known of those who connect: how many they may be, how each connection ended, who was turned away. */
export function createClients({ config, clock, logger, self }: ClientsOptions): Clients {
  const unserved = new Unserved({ clock, logger });
  const refusedDeliveries = new Unserved({
    clock,
    logger,
    summary: {
      level: 'warn',
      message:
        'deliveries were refused (401), and their alerts are not recorded: correct the token or secret of their sender',
    },
  });
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
  return { connections, unserved, refusedDeliveries };
}
