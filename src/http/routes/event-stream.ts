import { Router, type Request, type Response } from 'express';
import type { Clock } from '../../domain/clock.ts';
import type { CloudEvent } from '../../domain/event.ts';
import type { Step } from '../../events/follow.ts';
import { EVENT_STREAM } from '../middleware/measure.ts';
import { sendProblem } from '../problem.ts';
import { Query } from '../query.ts';

export interface FollowQuery {
  readonly after: string;
  readonly limit: number;
  readonly type?: string;
  readonly subject?: string;
}

export interface EventStreamDeps {
  /** The ledger from an id on, page by page, until the signal. */
  readonly follow: (query: FollowQuery, signal: AbortSignal) => AsyncIterable<Step>;
  /** The id of the newest event. */
  readonly head: () => string;
  /** How many streams there may be. */
  readonly max: () => number;
  /** A stream that has nothing to tell for so long sends a comment. */
  readonly heartbeatMs: () => number;
  readonly clock: Clock;
  /** How many are open now. */
  readonly onOpen: (open: number) => void;
}

const PAGE = 100;
/** When a client that lost its connection comes again. */
const RETRY_MS = 3_000;

/**
 * `GET /api/v1/events/stream`: events as they are committed, as server-sent events. Each client reads from its own
 * place at its own pace: one that takes nothing costs a page of memory, until its connection is cut off as stalled.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export class EventStreams {
  readonly router = Router();
  readonly #deps: EventStreamDeps;
  readonly #open = new Set<AbortController>();
  /** The text of a page that several are sent is made once. */
  readonly #texts = new WeakMap<readonly CloudEvent[], string>();
  #closed = false;

  constructor(deps: EventStreamDeps) {
    this.#deps = deps;
    this.router.get('/api/v1/events/stream', (request, response) => this.#answer(request, response));
  }

  /** Ends every stream; their clients come again and go on where they were. */
  endAll(): void {
    for (const stream of this.#open) stream.abort();
  }

  /** Ends every stream, and takes no more. */
  close(): void {
    this.#closed = true;
    this.endAll();
  }

  async #answer(request: Request, response: Response): Promise<void> {
    const query = new Query(request);
    const [after, type, subject] = [query.text('after'), query.text('type'), query.text('subject')];
    if (query.refused(response)) return;
    if (this.#closed || this.#open.size >= this.#deps.max()) {
      refuse(response, this.#closed);
      return;
    }
    // not `set`, which would add a charset that this type does not have
    response.setHeader('Content-Type', EVENT_STREAM);
    response.set('Cache-Control', 'no-store').set('X-Accel-Buffering', 'no');
    if (request.method === 'HEAD') {
      response.end();
      return;
    }
    // a client that comes again says so in the header, and asks with the same address as at first
    const given = request.get('last-event-id') ?? '';
    const asked = given === '' ? after : given;
    const from = asked === undefined || asked === '' ? this.#deps.head() : asked;
    const filter = { ...(type !== undefined && { type }), ...(subject !== undefined && { subject }) };
    await this.#serve(response, { after: from, limit: PAGE, ...filter });
  }

  async #serve(response: Response, query: FollowQuery): Promise<void> {
    const { onOpen, head } = this.#deps;
    const stream = new AbortController();
    const leave = () => stream.abort();
    this.#open.add(stream);
    onOpen(this.#open.size);
    response.once('close', leave);
    // a client is told where it begins, so that it loses nothing even if it must come again before the first event
    const start = query.after === head() ? `id: ${query.after}\n` : '';
    response.write(`retry: ${RETRY_MS}\n${start}\n`);
    try {
      await this.#send(response, query, stream.signal);
    } finally {
      leave();
      this.#open.delete(stream);
      onOpen(this.#open.size);
      response.end();
    }
  }

  async #send(response: Response, query: FollowQuery, signal: AbortSignal): Promise<void> {
    let [told, at] = [query.after, query.after];
    const { clock, heartbeatMs, follow } = this.#deps;
    const beat = () => {
      // where a filter lets nothing through, its client still moves on
      if (!response.writableNeedDrain) response.write(told === at ? ': heartbeat\n\n' : `id: ${at}\n\n`);
      told = at;
      cancel = clock.after(heartbeatMs(), beat);
    };
    let cancel = clock.after(heartbeatMs(), beat);
    try {
      for await (const step of follow(query, signal)) {
        at = step.at;
        const text = step.kind === 'gap' ? gapText(step) : this.#textOf(step.events);
        if (text === '') continue;
        told = step.kind === 'gap' ? at : (step.events.at(-1)?.id ?? at);
        cancel();
        if (!response.write(text)) await drained(response, signal);
        cancel = clock.after(heartbeatMs(), beat);
      }
    } finally {
      cancel();
    }
  }

  #textOf(events: readonly CloudEvent[]): string {
    const known = this.#texts.get(events);
    if (known !== undefined) return known;
    const text = events.map((event) => `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`).join('');
    this.#texts.set(events, text);
    return text;
  }
}

function gapText({ after, oldest, at }: Extract<Step, { kind: 'gap' }>): string {
  return `event: gap\nid: ${at}\ndata: ${JSON.stringify({ after, oldest })}\n\n`;
}

function refuse(response: Response, closed: boolean): void {
  response.set('Retry-After', '5').set('Connection', 'close');
  const detail = closed
    ? 'Tocsin is shutting down; try again.'
    : 'There are as many streams as server.max_connections allows (a quarter of it); close some, or ask /api/v1/events.';
  sendProblem(response, { status: 503, title: 'No stream now', detail });
}

/** Waits until the client has taken what it was sent, or for the end of the stream. */
function drained(response: Response, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      response.off('drain', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    response.once('drain', end);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
