import { Router, type Request, type Response } from 'express';
import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';
import type { ScrapeGate } from '../scrape-gate.ts';
import { negotiate, type Negotiated } from '../../exposition/formats/negotiate.ts';
import type { ScrapeSource } from '../../exposition/render/scrape-source.ts';
import type { ScrapeBody } from '../../exposition/render/snapshot-expositions.ts';
import type { ScrapeOutcome } from '../../metrics/self/instruments.ts';
import type { Connections } from '../connections.ts';
import type { ClientDisconnects } from '../client-disconnects.ts';
import type { GuardHandler } from '../guard.ts';
import { sendProblem } from '../problem.ts';
import type { SendBuffers } from '../send-buffers.ts';
import type { RejectedClientsLog } from '../rejected-clients-log.ts';
import { writeBody } from '../write-body.ts';

/** The counters of this route: `SelfMetrics.scrapes` has this shape. */
export interface ScrapeMeter {
  inc(outcome: ScrapeOutcome): void;
  inFlight(places: number): void;
}

export interface MetricsRouteDeps {
  /** Passes only clients that may scrape. */
  readonly guard: GuardHandler;
  readonly gate: ScrapeGate;
  readonly source: Pick<ScrapeSource, 'scrape' | 'collectorNames'>;
  readonly meter: ScrapeMeter;
  readonly clientAddress: (request: Request) => string;
  /** Whether gzip is offered; read for each request, so that a reload applies. */
  readonly compression: () => boolean;
  /** Milliseconds within which a client must have read the whole answer. */
  readonly sendMs: () => number;
  readonly sendBuffers: SendBuffers;
  readonly clientDisconnects: ClientDisconnects;
  readonly connections: Pick<Connections, 'resetStalled' | 'limitIdle'>;
  readonly rejectedClientsLog: Pick<RejectedClientsLog, 'record'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TIMEOUT_HEADER = 'X-Prometheus-Scrape-Timeout-Seconds';
const DEFAULT_WAIT_MS = 10_000;
const MAX_WAIT_MS = 300_000;
const MAX_STALL_MS = 10_000;
/** Subtracted from a scraper's timeout, for rendering and the network. */
const OFFSET_MS = 500;

/** `GET` and `HEAD /metrics`: every request passes the gate before any work is done for it. */
export function createMetricsRoute(deps: MetricsRouteDeps): Router {
  const router = Router().use('/metrics', deps.guard);
  const endpoint = new MetricsEndpoint(deps);
  router
    .route('/metrics')
    .get((request, response) => endpoint.handle(request, response))
    .all((request, response) => {
      response.set('Allow', 'GET, HEAD');
      const detail = `/metrics accepts GET and HEAD, not ${request.method}.`;
      sendProblem(response, { status: 405, title: 'Method not allowed', detail });
    });
  return router;
}

/** The parameters of a request, from its headers and query. */
interface ScrapeParameters {
  readonly negotiated: Negotiated;
  readonly waitMs: number;
  readonly stallMs: number;
  readonly names: ReadonlySet<string> | undefined;
  readonly collectors: ReadonlySet<string> | undefined;
  /** Both `collect[]` and `exclude[]` are given, which node_exporter refuses too. */
  readonly contradictory: boolean;
}

/** An admitted request: the place that it holds, and whether its client is still connected. */
interface AdmittedScrape {
  readonly parameters: ScrapeParameters;
  readonly client: string;
  readonly signal: AbortSignal;
  /** Gives the place back; the client may still be reading. */
  readonly release: () => void;
}

class MetricsEndpoint {
  readonly #deps: MetricsRouteDeps;

  constructor(deps: MetricsRouteDeps) {
    this.#deps = deps;
  }

  async handle(request: Request, response: Response): Promise<void> {
    const { gate, meter, connections, clientAddress, compression } = this.#deps;
    this.#deps.clientDisconnects.requestReceived(request.socket);
    response.vary('Accept, Accept-Encoding');
    // a scraper reuses its connection; other clients may not hold one for as long
    if (request.get(TIMEOUT_HEADER) === undefined) connections.limitIdle(request.socket);
    const client = clientAddress(request);
    const decision = gate.admit(client);
    if (decision.kind !== 'admitted') {
      meter.inc(decision.kind);
      this.#deps.rejectedClientsLog.record(`scrape ${decision.kind}`, client);
      sendRejection(response, decision.kind, decision.retryAfterSeconds);
      return;
    }
    meter.inFlight(gate.inFlight);
    const controller = new AbortController();
    const release = () => {
      decision.release();
      meter.inFlight(gate.inFlight);
    };
    const unwatch = this.#deps.clientDisconnects.onDisconnect(request.socket, () => {
      release();
      controller.abort();
    });
    try {
      const parameters = readParameters(request, compression(), this.#deps.source.collectorNames);
      await this.#serve(request, response, { parameters, client, signal: controller.signal, release });
    } finally {
      unwatch();
      release();
    }
  }

  async #serve(request: Request, response: Response, scrape: AdmittedScrape): Promise<void> {
    const problem = filterProblem(scrape.parameters, this.#deps.source.collectorNames);
    if (problem !== undefined) {
      this.#deps.meter.inc('failed');
      sendProblem(response, { status: 400, ...problem });
      return;
    }
    if (request.method === 'HEAD') {
      setHeaders(response, scrape.parameters.negotiated);
      response.end();
      this.#confirmRead(response, scrape);
      return;
    }
    const body = await this.#scrape(response, scrape);
    if (body === undefined) return;
    try {
      await this.#send(response, body.chunks, scrape);
    } finally {
      body.release();
    }
  }

  /** The body; undefined if the request is already answered and counted. */
  async #scrape(response: Response, scrape: AdmittedScrape): Promise<ScrapeBody | undefined> {
    const { parameters, signal } = scrape;
    try {
      const body = await this.#deps.source.scrape({
        waitMs: parameters.waitMs,
        format: parameters.negotiated.format,
        encoding: parameters.negotiated.encoding,
        signal,
        ...(parameters.names !== undefined && { names: parameters.names }),
        ...(parameters.collectors !== undefined && { collectors: parameters.collectors }),
      });
      if (body.chunks.length > 0) return body;
      body.release();
      this.#deps.meter.inc('failed');
      sendNoSeries(response, parameters);
    } catch (error) {
      if (signal.aborted) this.#recordAbort(scrape, 'collecting');
      else this.#recordFailure(response, error);
    }
    return undefined;
  }

  /** Sends the body. The place is released before: a slow reader costs only a socket. */
  async #send(response: Response, chunks: readonly Buffer[], scrape: AdmittedScrape): Promise<void> {
    scrape.release();
    if (scrape.signal.aborted) {
      this.#recordAbort(scrape, 'collecting');
      return;
    }
    setHeaders(response, scrape.parameters.negotiated);
    response.set('Content-Length', String(chunks.reduce((sum, chunk) => sum + chunk.length, 0)));
    try {
      const { clock, connections, sendMs, clientDisconnects, sendBuffers } = this.#deps;
      const taken = await writeBody(response, chunks, {
        clientDisconnects,
        sendBuffers,
        stallMs: scrape.parameters.stallMs,
        sendMs: sendMs(),
        clock,
        cutOff: () => connections.resetStalled(response.req.socket),
      });
      if (taken) this.#confirmRead(response, scrape);
      else this.#recordAbort(scrape, 'sending');
    } catch (error) {
      this.#recordFailure(response, error);
    }
  }

  #confirmRead(response: Response, scrape: AdmittedScrape): void {
    this.#deps.clientDisconnects.onRead(response.req.socket, (taken) => {
      if (taken) this.#deps.meter.inc('served');
      else this.#recordAbort(scrape, 'sent');
    });
  }

  #recordAbort({ client }: AdmittedScrape, phase: 'collecting' | 'sending' | 'sent'): void {
    this.#deps.meter.inc('aborted');
    this.#deps.rejectedClientsLog.record(`scrape aborted ${phase}`, client);
  }

  #recordFailure(response: Response, error: unknown): void {
    this.#deps.meter.inc('failed');
    this.#deps.logger.error(
      { error: error instanceof Error ? error.message : String(error) },
      'a scrape failed',
    );
    if (response.headersSent) {
      // the scraper notices a body that is cut off; one that ends early would look complete
      response.destroy();
      return;
    }
    const detail = 'The exposition could not be rendered. See the log for the cause.';
    sendProblem(response, { status: 500, title: 'The scrape failed', detail });
  }
}

function sendRejection(response: Response, kind: 'limited' | 'overloaded', retryAfterSeconds: number): void {
  // closes the connection, which would otherwise idle and count against the limit
  response.set({ 'Retry-After': String(retryAfterSeconds), Connection: 'close' });
  if (kind === 'limited') {
    const detail = 'This address scrapes more often than metrics.rate_limit allows.';
    sendProblem(response, { status: 429, title: 'Too many scrapes', detail });
  } else {
    const detail = 'The limit of scrapes in flight, metrics.max_in_flight, is reached.';
    sendProblem(response, { status: 503, title: 'Too many concurrent scrapes', detail });
  }
}

function filterProblem(
  { collectors, contradictory }: ScrapeParameters,
  known: readonly string[],
): { title: string; detail: string } | undefined {
  if (contradictory) {
    const detail = 'collect[] and exclude[] were both given; give one of them.';
    return { title: 'Conflicting filters', detail };
  }
  const unknown = [...(collectors ?? [])].filter((name) => !known.includes(name));
  if (unknown.length === 0) return undefined;
  const detail = `collect[] names ${unknown.join(', ')}; expected one of: ${known.join(', ')}.`;
  return { title: 'Unknown collector', detail };
}

/** An empty 200 would count as a successful scrape of nothing. */
function sendNoSeries(response: Response, { names, collectors }: ScrapeParameters): void {
  const filtered = names !== undefined || collectors !== undefined;
  sendProblem(response, {
    status: filtered ? 404 : 500,
    title: 'No series',
    detail: filtered ? 'No series matches name[], collect[] and exclude[].' : 'There are no series.',
  });
}

function setHeaders(response: Response, { contentType, encoding }: Negotiated): void {
  response.status(200).set('Content-Type', contentType).set('Cache-Control', 'no-store');
  if (encoding !== 'identity') response.set('Content-Encoding', encoding);
}

function readParameters(request: Request, compression: boolean, known: readonly string[]): ScrapeParameters {
  const { accept, 'accept-encoding': encodings } = request.headers;
  const timeoutMs = scrapeTimeoutMs(request.get(TIMEOUT_HEADER));
  const collectors = valuesOf(request, 'collect[]');
  // unknown names are ignored: one scrape configuration serves exporters with other collectors
  const excluded = valuesOf(request, 'exclude[]');
  const rest = excluded && new Set(known.filter((name) => !excluded.has(name)));
  return {
    negotiated: negotiate(accept, compression ? headerText(encodings) : undefined),
    // a timeout below a second is halved, since half a second cannot be subtracted
    waitMs: timeoutMs === undefined ? DEFAULT_WAIT_MS : Math.max(timeoutMs - OFFSET_MS, timeoutMs / 2),
    stallMs: Math.min(timeoutMs ?? MAX_STALL_MS, MAX_STALL_MS),
    names: valuesOf(request, 'name[]'),
    collectors: collectors ?? rest,
    contradictory: collectors !== undefined && excluded !== undefined,
  };
}

/** Undefined for a value that is missing, not a number, or not positive. */
function scrapeTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d+(\.\d+)?$/.test(header.trim())) return undefined;
  const ms = Number(header) * 1_000;
  return ms > 0 ? Math.min(ms, MAX_WAIT_MS) : undefined;
}

function headerText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}

function valuesOf(request: Request, parameter: string): ReadonlySet<string> | undefined {
  const query = request.originalUrl.indexOf('?');
  if (query === -1) return undefined;
  const values = new URLSearchParams(request.originalUrl.slice(query)).getAll(parameter);
  return values.length === 0 ? undefined : new Set(values);
}
