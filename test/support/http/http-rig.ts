import type { RequestHandler } from 'express';
import supertest from 'supertest';
import type { ServerConfig } from '../../../src/config/types.ts';
import { NetworkSet } from '../../../src/domain/network.ts';
import { startHttpServer } from '../../../src/http/server.ts';
import { recordedConnections } from './connections.ts';
import { recordingLogger, type RecordedLine } from '../recording-logger.ts';

/** A server configuration with its defaults, on a free loopback port. */
export function serverConfig(more: Partial<ServerConfig> = {}): ServerConfig {
  return {
    node: 'test-node',
    listen: { host: '127.0.0.1', port: 0 },
    lifecycle: false,
    maxBodyBytes: 1_000_000,
    maxConnections: 1_024,
    maxConnectionsPerAddress: 64,
    maxReads: 64,
    maxReadsPerAddress: 16,
    maxHeaderBytes: 16_384,
    headerTimeoutMs: 10_000,
    requestTimeoutMs: 60_000,
    keepAliveMs: 310_000,
    trustedProxies: new NetworkSet([]),
    tokens: [],
    ...more,
  };
}

export interface HttpRig extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** For tests that ask and compare: each request has a connection of its own. */
  readonly http: ReturnType<typeof supertest>;
  readonly lines: readonly RecordedLine[];
  close(): Promise<void>;
}

/** Serves handlers for a test. */
export async function serveHandlers(
  handlers: readonly RequestHandler[],
  config = serverConfig(),
): Promise<HttpRig> {
  const { logger, lines } = recordingLogger();
  const { connections } = recordedConnections(config);
  const server = await startHttpServer({ config, logger, connections, handlers });
  const close = () => server.close(AbortSignal.abort());
  return {
    url: server.url,
    port: Number(new URL(server.url).port),
    http: supertest(server.url),
    lines,
    close,
    [Symbol.asyncDispose]: close,
  };
}
