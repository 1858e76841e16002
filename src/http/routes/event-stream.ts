import { Router, type Request, type Response } from 'express';
import type { GuardHandler } from '../guard.ts';
import type { CloudEvent } from '../../domain/event.ts';
import { PeriodicTask, type TaskContext } from '../../domain/clock.ts';
import type { FollowStep } from '../../events/follow.ts';
import { EVENT_STREAM } from '../middleware/measure.ts';
import type { Connections } from '../connections.ts';
import {
  sendTooManyRequests,
  type IdentifiedClient,
  type ConcurrencyLimiter,
} from '../concurrency-limiter.ts';
import { sendProblem } from '../problem.ts';
import { Query } from '../query.ts';
import type { SendBuffer, SendBuffers } from '../send-buffers.ts';
import { happens } from '../write-body.ts';

export interface FollowQuery {
  readonly after: string;
  readonly limit: number;
  readonly maxBytes: number;
  readonly type?: string;
  readonly subject?: string;
}

export interface EventStreamDeps extends TaskContext {
  /** Follows the ledger from an id on, page by page, until the signal aborts. */
  readonly follow: (query: FollowQuery, signal: AbortSignal) => AsyncIterable<FollowStep>;
  /** The id of the newest event. */
  readonly head: () => string;
  /** Limits the number of streams, in total and per address. */
  readonly limiter: ConcurrencyLimiter;
  /** The sender of a request. */
  readonly clientOf: (request: Request) => IdentifiedClient;
  readonly sendBuffers: SendBuffers;
  readonly connections: Pick<Connections, 'resetStalled'>;
  /** Passes only readers. */
  readonly guard: GuardHandler;
  /** Waits for a turn to create the text of a page. */
  readonly nextTurn: () => Promise<void>;
  /** A stream without events for this long sends a comment. */
  readonly heartbeatMs: () => number;
  /** Called with the number of open streams. */
  readonly onOpen: (open: number) => void;
}

interface OpenStream {
  readonly signal: AbortSignal;
  readonly sendBuffer: SendBuffer;
}

const PAGE = 100;
const PAGE_BYTES = 64 * 1_024;
/** When a disconnected client reconnects. */
const RETRY_MS = 3_000;

/**
 * `GET /api/v1/events/stream`: events as they are committed, as server-sent events. Each client reads from its own
 * position at its own pace: one that reads nothing costs a page of memory, until its connection is cut off as stalled.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStreams {
  readonly router = Router();
  readonly #deps: EventStreamDeps;
  readonly #open = new Set<AbortController>();
  /** The text of a page that is sent to several clients is created once. */
  readonly #texts = new WeakMap<readonly CloudEvent[], Buffer>();
  #closed = false;

  constructor(deps: EventStreamDeps) {
    this.#deps = deps;
    this.router.get('/api/v1/events/stream', deps.guard, (request, response) =>
      this.#answer(request, response),
    );
  }

  /** Ends every stream; their clients reconnect and continue where they were. */
  endAll(): void {
    for (const stream of this.#open) stream.abort();
  }

  /** Ends every stream, and accepts no more. */
  close(): void {
    this.#closed = true;
    this.endAll();
  }

  async #answer(request: Request, response: Response): Promise<void> {
    const query = new Query(request);
    const [after, type, subject] = [query.text('after'), query.text('type'), query.text('subject')];
    if (query.respondIfInvalid(response)) return;
    if (this.#closed) {
      sendShuttingDown(response);
      return;
    }
    const decision = this.#deps.limiter.acquire(this.#deps.clientOf(request));
    if (decision.kind !== 'admitted') {
      sendTooManyRequests(response, decision.kind, 'event streams');
      return;
    }
    response.once('close', decision.release);
    // not `set`, which would add a charset that this type does not have
    response.setHeader('Content-Type', EVENT_STREAM);
    response.set('Cache-Control', 'no-store').set('X-Accel-Buffering', 'no');
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    // a client that reconnects sends the header, with the URL of its first request
    const given = request.get('last-event-id') ?? '';
    const asked = given === '' ? after : given;
    const from = asked === undefined || asked === '' ? this.#deps.head() : asked;
    const filter = { ...(type !== undefined && { type }), ...(subject !== undefined && { subject }) };
    await this.#serve(response, { after: from, limit: PAGE, maxBytes: PAGE_BYTES, ...filter });
  }

  async #serve(response: Response, query: FollowQuery): Promise<void> {
    const { onOpen, head, sendBuffers, connections } = this.#deps;
    const sendBuffer = sendBuffers.open(() => connections.resetStalled(response.req.socket));
    const stream = new AbortController();
    const leave = () => stream.abort();
    this.#open.add(stream);
    onOpen(this.#open.size);
    response.once('close', leave);
    // send the client its position, so that it loses nothing even if it has to reconnect before the first event
    const start = query.after === head() ? `id: ${query.after}\n` : '';
    response.write(`retry: ${RETRY_MS}\n${start}\n`);
    try {
      await this.#send(response, query, { signal: stream.signal, sendBuffer });
    } finally {
      leave();
      sendBuffer.close();
      this.#open.delete(stream);
      onOpen(this.#open.size);
      response.end();
    }
  }

  async #send(response: Response, query: FollowQuery, { signal, sendBuffer }: OpenStream): Promise<void> {
    let [sentId, at] = [query.after, query.after];
    const { heartbeatMs, follow, nextTurn } = this.#deps;
    const beat = () => {
      // where a filter matches nothing, the client's position advances all the same
      if (!response.writableNeedDrain) response.write(sentId === at ? ': heartbeat\n\n' : `id: ${at}\n\n`);
      sentId = at;
    };
    const heartbeat = new PeriodicTask(this.#deps, 'heartbeat of a stream', heartbeatMs, beat).start();
    try {
      for await (const step of follow(query, signal)) {
        at = step.at;
        await nextTurn();
        const text = step.kind === 'gap' ? Buffer.from(gapText(step)) : this.#textOf(step.events);
        if (text.length === 0) continue;
        sentId = step.kind === 'gap' ? at : (step.events.at(-1)?.id ?? at);
        heartbeat.stop();
        sendBuffer.retain([text]);
        if (!response.write(text)) await happens(response, 'drain', signal);
        sendBuffer.retain([]);
        sendBuffer.progressed();
        heartbeat.start();
      }
    } finally {
      heartbeat.stop();
    }
  }

  #textOf(events: readonly CloudEvent[]): Buffer {
    const known = this.#texts.get(events);
    if (known !== undefined) return known;
    const parts = events.map((event) => `id: ${event.id}\ndata: ${event.json}\n\n`);
    const text = Buffer.from(parts.join(''));
    this.#texts.set(events, text);
    return text;
  }
}

function gapText({ after, oldest, at }: Extract<FollowStep, { kind: 'gap' }>): string {
  return `event: gap\nid: ${at}\ndata: ${JSON.stringify({ after, oldest })}\n\n`;
}

function sendShuttingDown(response: Response): void {
  response.set('Retry-After', '5').set('Connection', 'close');
  const detail = 'Tocsin is shutting down; try again.';
  sendProblem(response, { status: 503, title: 'No event stream', detail });
}
