import { formatDuration } from '../domain/quantity.ts';
import { checkAccess, readTokens } from './access.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import { checkTimeout } from './timing.ts';
import type { ServiceDefaults } from './timing.ts';
import type { MetricsConfig, SchedulerConfig, ServerConfig } from './types.ts';

interface ServerOptions {
  readonly hostname: string;
  /** Instead of `server.listen`. */
  readonly listen: ServerConfig['listen'] | undefined;
}

/** Reads `server`, and checks who may come in by the address it listens on. */
export function readServer(
  reader: Reader,
  schemas: ConfigSchemas,
  options: ServerOptions,
): ServerConfig | undefined {
  const { whole, partial } = reader.section(schemas.server, ['server'], { other: ['tokens'] });
  const tokens = readTokens(reader, schemas);
  const listen = options.listen ?? partial.listen;
  checkAccess(reader, { listen, lifecycle: partial.lifecycle, tokens });
  const { header_timeout: header, request_timeout: request } = partial;
  if (header !== undefined && request !== undefined && header > request) {
    const path = ['server', reader.has(['server', 'header_timeout']) ? 'header_timeout' : 'request_timeout'];
    const times = `header_timeout (${formatDuration(header)}) is longer than request_timeout (${formatDuration(request)})`;
    reader.report(path, `${times}, which includes it; expected at most that`);
  }
  if (whole === undefined || tokens === undefined || listen === undefined) return undefined;
  return {
    node: whole.node ?? options.hostname,
    listen,
    lifecycle: whole.lifecycle,
    maxBodyBytes: whole.max_body,
    maxConnections: whole.max_connections,
    maxConnectionsPerAddress: whole.max_connections_per_address,
    maxReads: whole.max_reads,
    maxReadsPerAddress: whole.max_reads_per_address,
    maxHeaderBytes: whole.max_header_size,
    headerTimeoutMs: whole.header_timeout,
    requestTimeoutMs: whole.request_timeout,
    keepAliveMs: whole.keep_alive,
    trustedProxies: whole.trusted_proxies,
    tokens,
  };
}

/** Reads `metrics`. */
export function readMetrics(reader: Reader, schemas: ConfigSchemas): MetricsConfig | undefined {
  const { whole } = reader.section(schemas.metrics, ['metrics']);
  return (
    whole && {
      rateLimit: { perSecond: whole.rate_limit.per_second, burst: whole.rate_limit.burst },
      trusted: whole.trusted,
      maxInFlight: whole.max_in_flight,
      maxUnsentBytes: whole.max_unsent,
      maxSeries: whole.max_series,
      maxSeriesPerFamily: whole.max_series_per_family,
      histograms: whole.histograms,
      compression: whole.compression,
    }
  );
}

interface Scheduling {
  readonly caps: SchedulerConfig | undefined;
  readonly defaults: ServiceDefaults;
}

/** Reads `scheduler` and `confirm`: the caps, and what services inherit. */
export function readScheduling(reader: Reader, schemas: ConfigSchemas): Scheduling {
  const { whole, partial } = reader.section(schemas.scheduler, ['scheduler']);
  const confirm = reader.section(schemas.confirm, ['confirm']).whole;
  const { interval, timeout } = partial;
  const given = reader.has(['scheduler', 'timeout']);
  if (given && interval !== undefined) checkTimeout(reader, ['scheduler', 'timeout'], timeout, interval);
  return {
    caps: whole && { maxConcurrency: whole.max_concurrency, maxPerHost: whole.max_per_host },
    defaults: {
      interval,
      timeout,
      adaptive: partial.adaptive,
      confirm: confirm && {
        failures: confirm.failures,
        successes: confirm.successes,
        retryIntervalMs: confirm.retry_interval,
      },
    },
  };
}
