import type { Config, SinkConfig } from '../config/types.ts';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { EventBus } from '../events/event-bus.ts';
import { follow } from '../events/follow.ts';
import { HttpSink } from '../events/sinks/http.ts';
import { createLogSink } from '../events/sinks/log.ts';
import { RedisSink } from '../events/sinks/redis.ts';
import type { Sink } from '../events/sinks/sink.ts';
import { Sinks, type SinkView } from '../events/sinks/sinks.ts';
import { EventStreams } from '../http/routes/event-stream.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SelfMetrics } from '../metrics/self/self-metrics.ts';
import type { Clients } from './clients.ts';
import type { Lifecycle } from './lifecycle.ts';

export interface EventDeliveryOptions {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly selfMetrics: SelfMetrics;
  readonly lifecycle: Lifecycle;
  readonly clients: Pick<Clients, 'streamLimiter' | 'clientOf' | 'sendBuffers' | 'connections' | 'reads'>;
}

/** Delivers events from the ledger to sinks and streams. */
export interface EventDelivery {
  readonly streams: EventStreams;
  readonly sinks: () => readonly SinkView[];
  /** Updates the metrics of the sinks' lag. */
  readonly updateLag: () => void;
  /** Applies the sinks and the limits of this configuration. Cannot fail. */
  readonly configure: (config: Config) => void;
}

const HEARTBEAT_MS = 15_000;

/** Prepares the delivery of events; `configure` starts it. */
export function createEventDelivery({
  ledger,
  clock,
  logger,
  selfMetrics,
  lifecycle,
  clients,
}: EventDeliveryOptions): EventDelivery {
  const bus = new EventBus(ledger);
  const sinks = new Sinks({
    bus,
    ledger,
    clock,
    logger,
    random: Math.random,
    onEvents: (sink, outcome, count) => selfMetrics.sinks.events(sink, outcome, count),
    onFailure: (sink) => selfMetrics.sinks.failure(sink),
  });
  lifecycle.onStop('sinks', (signal) => sinks.stop(signal));
  let streamHeartbeatMs = HEARTBEAT_MS;
  const streams = new EventStreams({
    follow: (query, signal) => follow({ ...query, bus, clock, signal }),
    head: () => bus.head,
    limiter: clients.streamLimiter,
    clientOf: clients.clientOf,
    sendBuffers: clients.sendBuffers,
    connections: clients.connections,
    guard: clients.reads.authorize,
    nextTurn: () => clients.reads.nextTurn(),
    heartbeatMs: () => streamHeartbeatMs,
    clock,
    logger,
    onOpen: (open) => selfMetrics.sinks.streams(open),
  });
  const configure = ({ server, sinks: wanted }: Config) => {
    // a connection on which nothing moves for `request_timeout` is cut off
    streamHeartbeatMs = Math.min(HEARTBEAT_MS, server.requestTimeoutMs / 3);
    // access is checked when a stream begins
    streams.endAll();
    for (const { name } of wanted) selfMetrics.sinks.declare(name);
    sinks.configure(
      wanted.map(({ name, to }) => ({
        name,
        type: to.type,
        create: () => createSink(name, to, { clock, logger }),
      })),
    );
  };
  const updateLag = () => selfMetrics.sinks.lag(sinks.views());
  return { streams, sinks: () => sinks.views(), updateLag, configure };
}

function createSink(
  name: string,
  to: SinkConfig['to'],
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Sink {
  switch (to.type) {
    case 'redis':
      return new RedisSink({ ...to, clock });
    case 'http':
      return new HttpSink(to);
    case 'log':
      return createLogSink(name, logger);
  }
}
