import { Router, type Request, type Response } from 'express';
import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';
import type { Gate } from '../scrape-gate.ts';
import { negotiate, type Negotiated } from '../../exposition/formats/negotiate.ts';
import type { ScrapeSource } from '../../exposition/render/scrape-source.ts';
import type { ScrapeBody } from '../../exposition/render/snapshot-expositions.ts';
import type { ScrapeOutcome } from '../../metrics/self/instruments.ts';
import type { Connections } from '../connections.ts';
import type { Departures } from '../client-disconnects.ts';
import type { GuardHandler } from '../guard.ts';
import { sendProblem } from '../problem.ts';
import type { Unsent } from '../send-buffers.ts';
import type { Unserved } from '../rejected-clients-log.ts';
import { writeBody } from '../write-body.ts';

/** The counters of this route: `SelfMetrics.scrapes` has this shape. */
export interface ScrapeMeter {
  inc(outcome: ScrapeOutcome): void;
  inFlight(places: number): void;
}

export interface MetricsRouteDeps {
  /** Passes only clients that may scrape. */
  readonly guard: GuardHandler;
  readonly gate: Gate;
  readonly source: Pick<ScrapeSource, 'scrape' | 'collectorNames'>;
  readonly meter: ScrapeMeter;
  readonly clientAddress: (request: Request) => string;
  /** Whether gzip is offered; read for each request, so that a reload applies. */
  readonly compression: () => boolean;
  /** Milliseconds within which a client must have read the whole answer. */
  readonly sendMs: () => number;
  readonly unsent: Unsent;
  readonly departures: Departures;
  readonly connections: Pick<Connections, 'cutOff' | 'brief'>;
  readonly unserved: Pick<Unserved, 'note'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const TIMEOUT_HEADER = 'X-Prometheus-Scrape-Timeout-Seconds';
const DEFAULT_WAIT_MS = 10_000;
const LONGEST_WAIT_MS = 300_000;
const LONGEST_STALL_MS = 10_000;
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
interface Wish {
  readonly negotiated: Negotiated;
  readonly waitMs: number;
  readonly stallMs: number;
  readonly names: ReadonlySet<string> | undefined;
  readonly collectors: ReadonlySet<string> | undefined;
  /** Both `collect[]` and `exclude[]` are given, which node_exporter refuses too. */
  readonly contradictory: boolean;
}

/** An admitted request: the place that it holds, and whether its client is still connected. */
interface Visit {
  readonly wish: Wish;
  readonly client: string;
  readonly signal: AbortSignal;
  /** Gives the place back; the client may still be reading. */
  readonly leave: () => void;
}

class MetricsEndpoint {
  readonly #deps: MetricsRouteDeps;

  constructor(deps: MetricsRouteDeps) {
    this.#deps = deps;
  }

  async handle(request: Request, response: Response): Promise<void> {
    const { gate, meter, connections, clientAddress, compression } = this.#deps;
    this.#deps.departures.asked(request.socket);
    response.vary('Accept, Accept-Encoding');
    // a scraper reuses its connection; other clients may not hold one for as long
    if (request.get(TIMEOUT_HEADER) === undefined) connections.brief(request.socket);
    const client = clientAddress(request);
    const decision = gate.admit(client);
    if (decision.kind !== 'admitted') {
      meter.inc(decision.kind);
      this.#deps.unserved.note(`scrape ${decision.kind}`, client);
      refuse(response, decision.kind, decision.retryAfterSeconds);
      return;
    }
    meter.inFlight(gate.inFlight);
    const controller = new AbortController();
    const leave = () => {
      decision.leave();
      meter.inFlight(gate.inFlight);
    };
    const unwatch = this.#deps.departures.watch(request.socket, () => {
      leave();
      controller.abort();
    });
    try {
      const wish = readWish(request, compression(), this.#deps.source.collectorNames);
      await this.#serve(request, response, { wish, client, signal: controller.signal, leave });
    } finally {
      unwatch();
      leave();
    }
  }

  async #serve(request: Request, response: Response, visit: Visit): Promise<void> {
    const problem = filterProblem(visit.wish, this.#deps.source.collectorNames);
    if (problem !== undefined) {
      this.#deps.meter.inc('failed');
      sendProblem(response, { status: 400, ...problem });
      return;
    }
    if (request.method === 'HEAD') {
      setHeaders(response, visit.wish.negotiated);
      response.end();
      this.#settle(response, visit);
      return;
    }
    const body = await this.#scrape(response, visit);
    if (body === undefined) return;
    try {
      await this.#send(response, body.chunks, visit);
    } finally {
      body.release();
    }
  }

  /** The body; undefined if the request is already answered and counted. */
  async #scrape(response: Response, visit: Visit): Promise<ScrapeBody | undefined> {
    const { wish, signal } = visit;
    try {
      const body = await this.#deps.source.scrape({
        waitMs: wish.waitMs,
        format: wish.negotiated.format,
        encoding: wish.negotiated.encoding,
        signal,
        ...(wish.names !== undefined && { names: wish.names }),
        ...(wish.collectors !== undefined && { collectors: wish.collectors }),
      });
      if (body.chunks.length > 0) return body;
      body.release();
      this.#deps.meter.inc('failed');
      nothingToShow(response, wish);
    } catch (error) {
      if (signal.aborted) this.#aborted(visit, 'collecting');
      else this.#failed(response, error);
    }
    return undefined;
  }

  /** Sends the body. The place is released before: a slow reader costs only a socket. */
  async #send(response: Response, chunks: readonly Buffer[], visit: Visit): Promise<void> {
    visit.leave();
    if (visit.signal.aborted) {
      this.#aborted(visit, 'collecting');
      return;
    }
    setHeaders(response, visit.wish.negotiated);
    response.set('Content-Length', String(chunks.reduce((sum, chunk) => sum + chunk.length, 0)));
    try {
      const { clock, connections, sendMs, departures, unsent } = this.#deps;
      const taken = await writeBody(response, chunks, {
        departures,
        unsent,
        stallMs: visit.wish.stallMs,
        sendMs: sendMs(),
        clock,
        cutOff: () => connections.cutOff(response.req.socket),
      });
      if (taken) this.#settle(response, visit);
      else this.#aborted(visit, 'sending');
    } catch (error) {
      this.#failed(response, error);
    }
  }

  #settle(response: Response, visit: Visit): void {
    this.#deps.departures.settle(response.req.socket, (taken) => {
      if (taken) this.#deps.meter.inc('served');
      else this.#aborted(visit, 'sent');
    });
  }

  #aborted({ client }: Visit, phase: 'collecting' | 'sending' | 'sent'): void {
    this.#deps.meter.inc('aborted');
    this.#deps.unserved.note(`scrape aborted ${phase}`, client);
  }

  #failed(response: Response, error: unknown): void {
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

function refuse(response: Response, kind: 'limited' | 'overloaded', retryAfterSeconds: number): void {
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
  { collectors, contradictory }: Wish,
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
function nothingToShow(response: Response, { names, collectors }: Wish): void {
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

function readWish(request: Request, compression: boolean, known: readonly string[]): Wish {
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
    stallMs: Math.min(timeoutMs ?? LONGEST_STALL_MS, LONGEST_STALL_MS),
    names: valuesOf(request, 'name[]'),
    collectors: collectors ?? rest,
    contradictory: collectors !== undefined && excluded !== undefined,
  };
}

/** Undefined for a value that is missing, not a number, or not positive. */
function scrapeTimeoutMs(header: string | undefined): number | undefined {
  if (header === undefined || !/^\d+(\.\d+)?$/.test(header.trim())) return undefined;
  const ms = Number(header) * 1_000;
  return ms > 0 ? Math.min(ms, LONGEST_WAIT_MS) : undefined;
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
