import { connect, type Socket } from 'node:net';
import supertest from 'supertest';
import { systemClock, type Clock } from '../../../src/domain/clock.ts';
import { NetworkSet } from '../../../src/domain/network.ts';
import { ScrapeGate, type ScrapeGateLimits } from '../../../src/http/scrape-gate.ts';
import { ScrapeSource, type ScrapeSourceOptions } from '../../../src/exposition/render/scrape-source.ts';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { clientAddress } from '../../../src/http/middleware/client-address.ts';
import { open } from '../../../src/http/guard.ts';
import { startHttpServer } from '../../../src/http/server.ts';
import { createMetricsRoute, type MetricsRouteDeps } from '../../../src/http/routes/metrics.ts';
import type { ScrapeOutcome } from '../../../src/metrics/self/instruments.ts';
import type { ServerConfig } from '../../../src/config/types.ts';
import type { Connections } from '../../../src/http/connections.ts';
import type { ConnectionOutcome } from '../../../src/metrics/self/instruments.ts';
import { ClientDisconnects } from '../../../src/http/client-disconnects.ts';
import { SendBuffers } from '../../../src/http/send-buffers.ts';
import { RejectedClientsLog } from '../../../src/http/rejected-clients-log.ts';
import { recordedConnections } from './connections.ts';
import { serverConfig } from './http-rig.ts';
import { recordingLogger, type RecordedLine } from '../recording-logger.ts';

export interface ScrapeServerOptions {
  readonly limits?: Partial<ScrapeGateLimits>;
  readonly source?: Partial<ScrapeSourceOptions>;
  /** Replaces the source. */
  readonly scrape?: MetricsRouteDeps['source']['scrape'];
  readonly compression?: boolean;
  readonly config?: Partial<ServerConfig>;
  readonly maxUnsent?: number;
  /** Clock for the time after which a response that was not refused counts as read. */
  readonly settleClock?: Clock;
  /** Series in the table. */
  readonly series?: number;
  /** Bytes of each series, about 50 more. */
  readonly padding?: number;
}

/** A server on a free port with only the scrape endpoint, with its counts and log. */
export interface ScrapeServer {
  readonly port: number;
  readonly url: string;
  /** For tests that ask and compare. */
  readonly http: ReturnType<typeof supertest>;
  readonly gate: ScrapeGate;
  readonly table: SeriesTable;
  readonly counts: Record<ScrapeOutcome, number>;
  readonly connections: Connections;
  /** How each connection ended. */
  readonly ended: readonly ConnectionOutcome[];
  readonly lines: readonly RecordedLine[];
  close(): Promise<void>;
}

const limits: ScrapeGateLimits = {
  perSecond: 1_000,
  burst: 1_000,
  maxInFlight: 40,
  trusted: new NetworkSet([]),
};
const nobody = new NetworkSet([]);

export async function startScrapeServer(options: ScrapeServerOptions = {}): Promise<ScrapeServer> {
  const counts = { served: 0, aborted: 0, limited: 0, overloaded: 0, failed: 0 };
  const { logger, lines } = recordingLogger();
  const table = options.source?.table ?? filledTable(options.series ?? 10, options.padding ?? 50);
  const gate = new ScrapeGate({ ...limits, ...options.limits }, { monotonic: () => systemClock.monotonic() });
  const source = new ScrapeSource({
    table,
    collectors: [],
    clock: systemClock,
    onCollectorFailure: (collector, error) =>
      logger.error({ collector, error: String(error) }, 'a collector threw'),
    onCoalesced: () => undefined,
    onRendered: () => undefined,
    ...options.source,
  });
  const config = serverConfig(options.config);
  const { connections, ended } = recordedConnections(config, options.limits?.trusted);
  const route = createMetricsRoute({
    guard: open,
    gate,
    source: options.scrape === undefined ? source : { collectorNames: [], scrape: options.scrape },
    meter: { inc: (outcome) => (counts[outcome] += 1), inFlight: () => undefined },
    clientAddress: (request) => clientAddress(request, nobody),
    compression: () => options.compression ?? true,
    sendMs: () => config.requestTimeoutMs,
    sendBuffers: new SendBuffers(() => options.maxUnsent ?? 64 * 2 ** 20),
    clientDisconnects: new ClientDisconnects(options.settleClock ?? systemClock),
    connections,
    rejectedClientsLog: new RejectedClientsLog({ clock: systemClock, logger, periodMs: 50 }),
    clock: systemClock,
    logger,
  });
  const server = await startHttpServer({ config, logger, connections, handlers: [route] });
  const port = Number(new URL(server.url).port);
  return {
    port,
    url: `${server.url}/metrics`,
    http: supertest(server.url),
    gate,
    table,
    counts,
    connections,
    ended,
    lines,
    close: () => server.close(AbortSignal.abort()),
  };
}

const load = { name: 'test_load', type: 'gauge', help: 'Something to send.' } as const;

function filledTable(series: number, bytes: number): SeriesTable {
  const table = new SeriesTable();
  const padding = 'x'.repeat(bytes);
  table.group().replace(
    Array.from({ length: series }, (_, i) => ({
      family: load,
      labels: { i: String(i), padding },
      value: i,
    })),
  );
  return table;
}

export interface RawClientOptions {
  readonly port: number;
  /** The loopback address of the client. */
  readonly from?: string;
  /** The request's lines after the first, each ended by CRLF. */
  readonly headers?: string;
  readonly path?: string;
}

/** A connection that has requested `/metrics`, paused: it reads only on request. */
export async function rawScrape({
  port,
  from = '127.0.0.1',
  headers = '',
  path = '/metrics',
}: RawClientOptions): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress: from });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('close', () => reject(new Error(`the connection from ${from} was refused`)));
  });
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: test\r\n${headers}\r\n`);
  return socket;
}
