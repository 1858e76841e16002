import type { NextFunction, Request, RequestHandler, Response } from 'express';
import type { Clock } from '../../domain/clock.ts';
import type { Connections } from '../connections.ts';
import type { ClientDisconnects } from '../client-disconnects.ts';
import { guardBy, type GuardHandler } from '../guard.ts';
import {
  sendTooManyRequests,
  type IdentifiedClient,
  type ConcurrencyLimiter,
} from '../concurrency-limiter.ts';
import type { SendBuffers } from '../send-buffers.ts';
import type { RejectedClientsLog } from '../rejected-clients-log.ts';
import { writeBody, type BodyChunks } from '../write-body.ts';
import { toChunks } from './chunks.ts';
import { listChunks, type PagedList } from './paged-list.ts';
import { SharedWork } from './shared-work.ts';

export interface ReadResponderOptions {
  /** Passes only readers. */
  readonly authorize: GuardHandler;
  readonly limiter: ConcurrencyLimiter;
  /** The sender of a request. */
  readonly clientOf: (request: Request) => IdentifiedClient;
  readonly sendBuffers: SendBuffers;
  readonly clientDisconnects: ClientDisconnects;
  readonly connections: Pick<Connections, 'resetStalled'>;
  readonly rejectedClientsLog: Pick<RejectedClientsLog, 'record'>;
  /** Milliseconds within which a client must have read the whole answer. */
  readonly sendMs: () => number;
  readonly clock: Clock;
}

/** A client that reads nothing for this long is cut off. */
const STALL_MS = 10_000;
/** Queries that the ledger works on at a time: deliveries are committed between them. */
const LEDGER_CONCURRENCY = 1;

/**
 * Everything that is read, except `/metrics` and `/probe`: each request needs a place, answers are created in slices
 * between turns of the event loop, equal ones once, and are sent no faster than they are read.
 */
export class ReadResponder {
  /** Passes only readers. */
  readonly authorize: GuardHandler;
  /** Passes readers that get a place. */
  readonly guard: GuardHandler;
  /** Passes a request that gets a place, and holds it until the answer is sent. */
  readonly limitConcurrency: RequestHandler;
  readonly #options: ReadResponderOptions;
  readonly #rendering = new SharedWork(1);
  readonly #querying = new SharedWork(LEDGER_CONCURRENCY);
  #turns = 0;

  constructor(options: ReadResponderOptions) {
    this.#options = options;
    this.authorize = options.authorize;
    this.limitConcurrency = (request, response, next) => this.#admit(request, response, next);
    // a client without access takes no place
    this.guard = guardBy('read', this.authorize, this.limitConcurrency);
  }

  /** Answers 200 with JSON that must not be cached, since it is valid only now. */
  async json(response: Response, body: unknown): Promise<void> {
    await this.send(response, [Buffer.from(`${JSON.stringify(body)}\n`)]);
  }

  /**
   * Answers with text that is created from memory, once for all clients that ask for it while it waits for its turn.
   * @param key names the answer
   */
  async sharedText(
    response: Response,
    key: string,
    pieces: () => Iterable<string>,
    type?: string,
  ): Promise<void> {
    const isHead = response.req.method === 'HEAD';
    const chunks = isHead ? [] : await this.#rendering.run(key, () => allChunks(pieces()));
    await this.send(response, chunks, type);
  }

  /** Answers with a part of a list of the ledger, and where the next part begins. */
  async list(response: Response, list: PagedList): Promise<void> {
    const chunks = listChunks(list, (key, work) => this.queryLedger(key, work));
    await this.#sendStream(response, chunks);
  }

  /** Answers with text that is created as it is read, a chunk in each turn. */
  async stream(response: Response, chunks: Iterable<Buffer> | AsyncGenerator<Buffer>): Promise<void> {
    const made = Symbol.asyncIterator in chunks ? chunks : this.#inTurn(chunks);
    await this.#sendStream(response, made);
  }

  /** Waits for a turn to create the next chunk: one of all answers in each turn of the event loop. */
  nextTurn(): Promise<void> {
    this.#turns += 1;
    return this.#rendering.run(`turn ${this.#turns}`, () => undefined);
  }

  /** Runs work on the ledger in its turn, shared with others that ask for the same. */
  queryLedger<Value>(key: string, work: () => Promise<Value>): Promise<Value> {
    return this.#querying.run(key, work);
  }

  async send(response: Response, chunks: BodyChunks, type = 'application/json'): Promise<void> {
    response.status(200).set('Cache-Control', 'no-store').type(type);
    if (response.req.method === 'HEAD') {
      response.end();
      return;
    }
    if (!(Symbol.asyncIterator in chunks)) {
      response.set('Content-Length', String(chunks.reduce((sum, chunk) => sum + chunk.length, 0)));
    }
    const { clientDisconnects, sendBuffers, sendMs, clock, connections, clientOf, rejectedClientsLog } =
      this.#options;
    const taken = await writeBody(response, chunks, {
      clientDisconnects,
      sendBuffers,
      stallMs: STALL_MS,
      sendMs: sendMs(),
      clock,
      cutOff: () => connections.resetStalled(response.req.socket),
    });
    if (!taken) rejectedClientsLog.record('read aborted', clientOf(response.req).address);
  }

  async *#inTurn(chunks: Iterable<Buffer>): AsyncGenerator<Buffer, undefined> {
    await this.nextTurn();
    for (const chunk of chunks) {
      yield chunk;
      await this.nextTurn();
    }
  }

  /** The first chunk is created before the headers are sent, so that a failure gets its own status. */
  async #sendStream(response: Response, chunks: AsyncGenerator<Buffer>): Promise<void> {
    const first = await chunks.next();
    if (response.req.method === 'HEAD') await chunks.return(undefined);
    await this.send(response, first.done === true ? [] : withFirst(first.value, chunks));
  }

  #admit(request: Request, response: Response, next: NextFunction): void {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      next();
      return;
    }
    const { limiter, clientOf, rejectedClientsLog } = this.#options;
    const asking = clientOf(request);
    const decision = limiter.acquire(asking);
    if (decision.kind !== 'admitted') {
      rejectedClientsLog.record(`read ${decision.kind}`, asking.address);
      sendTooManyRequests(response, decision.kind, 'reads');
      return;
    }
    response.once('close', decision.release);
    next();
  }
}

async function allChunks(pieces: Iterable<string>): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  for (const chunk of toChunks(pieces)) {
    if (chunks.length > 0) await new Promise((resolve) => setImmediate(resolve));
    chunks.push(chunk);
  }
  return chunks;
}

async function* withFirst(first: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer, undefined> {
  yield first;
  yield* rest;
}
