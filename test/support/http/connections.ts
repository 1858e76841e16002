import type { ServerConfig } from '../../../src/config/types.ts';
import { NetworkSet } from '../../../src/domain/network.ts';
import { Connections, type ConnectionLimits } from '../../../src/http/connections.ts';
import type { ConnectionOutcome } from '../../../src/metrics/self/instruments.ts';

export interface RecordedConnections {
  readonly connections: Connections;
  /** How each connection ended, in order. */
  readonly ended: readonly ConnectionOutcome[];
}

/** The connections of a server under test, with how they ended. */
export function recordedConnections(
  config: ServerConfig,
  trusted: ConnectionLimits['trusted'] = new NetworkSet([]),
): RecordedConnections {
  const ended: ConnectionOutcome[] = [];
  const connections = new Connections({
    limits: () => ({
      max: config.maxConnections,
      maxPerAddress: config.maxConnectionsPerAddress,
      shortIdleMs: config.headerTimeoutMs,
      trusted,
      proxies: config.trustedProxies,
    }),
    onOpen: () => undefined,
    onEnd: (outcome) => void ended.push(outcome),
  });
  return { connections, ended };
}
