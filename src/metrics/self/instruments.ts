import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { EpochMs } from '../../domain/clock.ts';

const SCRAPE_OUTCOMES = ['served', 'aborted', 'limited', 'overloaded', 'failed'] as const;
/** Outcome of a request to `/metrics`. */
export type ScrapeOutcome = (typeof SCRAPE_OUTCOMES)[number];

/** Metrics of the scrape endpoint. */
export class ScrapeInstruments {
  readonly #outcomes: Counter<'outcome'>;
  readonly #renderSeconds: Histogram;
  readonly #inFlight: Gauge;
  readonly #coalesced: Counter;
  readonly #collections: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#outcomes = new Counter({
      name: 'tocsin_scrapes_total',
      help: 'Requests to /metrics by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of SCRAPE_OUTCOMES) this.#outcomes.inc({ outcome }, 0);
    this.#renderSeconds = new Histogram({
      name: 'tocsin_scrape_render_seconds',
      help: 'Time to render an exposition after its collection, compression excluded.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    });
    this.#inFlight = new Gauge({
      name: 'tocsin_scrapes_in_flight',
      help: 'Scrapes in progress: collecting, rendering or compressing.',
      registers,
    });
    this.#coalesced = new Counter({
      name: 'tocsin_scrapes_coalesced_total',
      help: 'Scrapes that joined a running collection.',
      registers,
    });
    this.#collections = new Counter({
      name: 'tocsin_scrape_collections_total',
      help: 'Collections started by scrapes.',
      registers,
    });
  }

  inc(outcome: ScrapeOutcome): void {
    this.#outcomes.inc({ outcome });
  }

  rendered(seconds: number): void {
    this.#renderSeconds.observe(seconds);
  }

  inFlight(places: number): void {
    this.#inFlight.set(places);
  }

  coalesced(): void {
    this.#coalesced.inc();
  }

  collected(): void {
    this.#collections.inc();
  }
}

const CONNECTION_OUTCOMES = [
  'used',
  'unused',
  'timeout',
  'malformed',
  'stalled',
  'limited',
  'refused',
  'displaced',
] as const;
/**
 * How a connection ended; a label value. `used` and `unused` were closed normally, or by their client: after at least
 * one request, or before any. All others were cut off: no request in time (`timeout`), invalid HTTP (`malformed`), an
 * answer that was not read (`stalled`), too many of one address or too many requests at a time (`limited`), too many in
 * total (`refused`), and idle ones that were closed in favour of a new one (`displaced`).
 */
export type ConnectionOutcome = (typeof CONNECTION_OUTCOMES)[number];

/** Metrics of the server's connections. */
export class ConnectionInstruments {
  readonly #open: Gauge;
  readonly #ended: Counter<'outcome'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#open = new Gauge({
      name: 'tocsin_http_open_connections',
      help: 'Open connections to this server.',
      registers,
    });
    this.#ended = new Counter({
      name: 'tocsin_http_connections_total',
      help: 'Connections to this server by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    for (const outcome of CONNECTION_OUTCOMES) this.#ended.inc({ outcome }, 0);
  }

  open(connections: number): void {
    this.#open.set(connections);
  }

  ended(outcome: ConnectionOutcome): void {
    this.#ended.inc({ outcome });
  }
}

/** One answered request, in OpenTelemetry's terms. */
export interface HttpMeasurement {
  /** A known method, or `_OTHER`. */
  readonly method: string;
  /** The route's pattern; empty where none matched. */
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
}

export class HttpInstruments {
  readonly #seconds: Histogram<'http_request_method' | 'http_route' | 'http_response_status_code'>;

  constructor(registry: Registry) {
    this.#seconds = new Histogram({
      name: 'http_server_request_duration_seconds',
      help: 'Duration of requests to this server.',
      labelNames: ['http_request_method', 'http_route', 'http_response_status_code'],
      // the boundaries that OpenTelemetry recommends
      buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
      registers: [registry],
    });
  }

  observe({ method, route, status, seconds }: HttpMeasurement): void {
    const labels = {
      http_request_method: method,
      http_route: route,
      http_response_status_code: String(status),
    };
    this.#seconds.observe(labels, seconds);
  }
}

/** The last reload of the configuration, the load at start included. */
export class ConfigInstruments {
  readonly #successful: Gauge;
  readonly #at: Gauge;

  constructor(registry: Registry) {
    this.#successful = absentGauge(registry, {
      name: 'tocsin_config_last_reload_successful',
      help: 'Whether the last load of the configuration succeeded.',
    });
    this.#at = absentGauge(registry, {
      name: 'tocsin_config_last_reload_success_timestamp_seconds',
      help: 'Time of the last successful load of the configuration, in seconds since the epoch.',
    });
  }

  loaded(ok: boolean, atMs: EpochMs): void {
    this.#successful.set(ok ? 1 : 0);
    if (ok) this.#at.set(atMs / 1_000);
  }
}

export class ScheduleInstruments {
  readonly #lateness: Histogram;
  readonly #shed: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#lateness = new Histogram({
      name: 'tocsin_schedule_lateness_seconds',
      help: 'Delay of the start of runs after their scheduled time.',
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    });
    this.#shed = new Counter({
      name: 'tocsin_schedule_shed_total',
      help: 'Runs skipped because their check was waiting for a free slot.',
      registers,
    });
  }

  late(seconds: number): void {
    this.#lateness.observe(Math.max(0, seconds));
  }

  skipped(runs: number): void {
    this.#shed.inc(runs);
  }
}

/** A gauge without labels that is absent until it is set: prom-client's would begin at 0. */
export function absentGauge(registry: Registry, { name, help }: { name: string; help: string }): Gauge {
  const gauge = new Gauge({ name, help, registers: [registry] });
  gauge.remove();
  return gauge;
}
