import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { unwrappedAddress } from '../domain/network.ts';
import type { ConnectionOutcome } from '../metrics/self/instruments.ts';
import { clientKey } from './scrape-gate.ts';
import { isAnswerable, isIncomplete, parserErrorProblem, sendProblemAndClose } from './parser-errors.ts';

export interface ConnectionLimits {
  readonly max: number;
  /** Of one address (IPv6: of one /64). */
  readonly maxPerAddress: number;
  /** How long connections marked by `limitIdle` may idle, milliseconds. */
  readonly shortIdleMs: number;
  /** Known scrapers: some connections are reserved for them, and they are neither capped per address nor displaced. */
  readonly trusted: { readonly empty: boolean; has(address: string): boolean };
  /** Proxies: many clients behind one address, which is not capped. */
  readonly proxies: { readonly empty: boolean; has(address: string): boolean };
}

export interface ConnectionsOptions {
  /** Read for each new connection, so that a reload applies. */
  readonly limits: () => ConnectionLimits;
  /** Called with the number of open connections. */
  readonly onOpen: (open: number) => void;
  /** Called once for each connection. */
  readonly onEnd: (outcome: ConnectionOutcome, address: string) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly address: string;
  readonly key: string;
  readonly trusted: boolean;
  /** Requests so far, and how many of them are not answered yet. */
  requests: number;
  pending: number;
  /** Requests that arrived before the previous one was answered. */
  readonly waiting: { readonly request: IncomingMessage; readonly response: ServerResponse }[];
  /** Of the last request. */
  response: ServerResponse | undefined;
  /** The outcome of the connection, once an answer is being sent that is its last. */
  finalOutcome: ConnectionOutcome | undefined;
  limitsIdle: boolean;
}

const RESERVED_CONNECTIONS = 16;
/** Requests that a client may send ahead of their answers (pipelining). */
const MAX_PIPELINED = 32;
/** The code of Node's error. */
const REQUEST_TIMEOUT = { code: 'ERR_HTTP_REQUEST_TIMEOUT' };

/**
 * The connections of a server: limits their number in total and per address, and reports how each ended.
 * When all are in use, a new connection displaces an idle one of the address that has the most of them, unless its own
 * address has more: many clients that hold connections cannot keep others out.
 */
export class Connections {
  readonly #options: ConnectionsOptions;
  /** Those that wait for a request are in the order in which they began to wait. */
  readonly #open = new Map<Socket, Connection>();
  readonly #perKey = new Map<string, number>();
  /** Connections of which a pipelined request is next, in order. */
  readonly #pipelined = new Set<Connection>();
  #handleRequest: RequestListener = () => undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
  }

  get open(): number {
    return this.#open.size;
  }

  /**
   * Takes over a server's connections; to be called before it listens. The requests of each connection are passed to
   * `answer` one after the other, so that a client that pipelines has no more requests in flight than any other.
   */
  attach(server: Server, answer: RequestListener): void {
    this.#handleRequest = answer;
    server.on('connection', (socket) => this.#onConnection(socket));
    server.on('request', (request, response) => this.#onRequest(request, response));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#onClientError(error, socket as Socket),
    );
    server.on('timeout', (socket: Socket) => this.#onTimeout(socket));
  }

  /**
   * Ends a connection whose client did not read its answer. With a reset, because the part of the answer that is in the
   * kernel's buffer would otherwise stay in memory until the kernel gives up, minutes later.
   */
  resetStalled(socket: Socket): void {
    this.#reset(socket, 'stalled');
  }

  /**
   * Marks a connection that its client has no reason to keep idle for long. A client that reads nothing looks idle as
   * soon as the kernel has accepted its answer.
   */
  limitIdle(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection !== undefined) connection.limitsIdle = true;
  }

  destroyAll(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress } = socket;
    const connection = this.#describe(socket, remoteAddress ?? '');
    socket.once('close', () => this.#remove(socket));
    this.#open.set(socket, connection);
    this.#perKey.set(connection.key, this.#countOf(connection.key) + 1);
    this.#options.onOpen(this.#open.size);
    // already closed: it has no address to count it for
    if (remoteAddress === undefined) socket.destroy();
    else this.#admit(connection);
  }

  #describe(socket: Socket, address: string): Connection {
    const trusted = address !== '' && this.#options.limits().trusted.has(address);
    const plain = unwrappedAddress(address);
    const key = clientKey(address);
    const fresh = {
      requests: 0,
      pending: 0,
      response: undefined,
      finalOutcome: undefined,
      limitsIdle: false,
    };
    return { socket, address: plain, key, trusted, waiting: [], ...fresh };
  }

  #admit(connection: Connection): void {
    const { max, maxPerAddress, trusted, proxies } = this.#options.limits();
    const { socket, address, key } = connection;
    const capped = !connection.trusted && (proxies.empty || !proxies.has(address));
    if (capped && this.#countOf(key) > maxPerAddress) {
      this.#reset(socket, 'limited');
      return;
    }
    const reserved =
      trusted.empty || connection.trusted ? 0 : Math.min(RESERVED_CONNECTIONS, Math.floor(max / 4));
    if (this.#open.size <= max - reserved) return;
    const victim = this.#connectionToDisplace(connection);
    if (victim === undefined) this.#reset(socket, 'refused');
    // a normal close: its client may be a scraper, which sees at once that it must reconnect
    else this.#close(victim.socket, 'displaced');
  }

  /** The connection that a new one displaces: of the address with the most, the one that has waited longest. */
  #connectionToDisplace(newcomer: Connection): Connection | undefined {
    let victim: Connection | undefined;
    let most = 0;
    const own = newcomer.trusted ? 0 : this.#countOf(newcomer.key);
    for (const connection of this.#open.values()) {
      if (connection.trusted || connection.pending > 0) continue;
      const count = this.#countOf(connection.key);
      if (connection.key === newcomer.key || count < own || count <= most) continue;
      victim = connection;
      most = count;
    }
    return victim;
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const connection = this.#open.get(socket);
    // the connection was cut off, and this request was read before
    if (connection === undefined) {
      request.destroy();
      return;
    }
    connection.requests += 1;
    connection.pending += 1;
    connection.response = response;
    response.once('close', () => this.#onResponseClose(connection));
    if (connection.pending === 1) this.#handleRequest(request, response);
    else if (connection.waiting.length < MAX_PIPELINED) connection.waiting.push({ request, response });
    else {
      this.#reset(socket, 'limited');
      request.destroy();
    }
  }

  #onResponseClose(connection: Connection): void {
    const { socket } = connection;
    connection.pending -= 1;
    if (!this.#open.has(socket)) return;
    if (connection.pending > 0) {
      // later, when every listener knows that this answer is sent
      if (this.#pipelined.size === 0) setImmediate(this.#nextPipelined);
      this.#pipelined.add(connection);
      return;
    }
    this.#open.delete(socket);
    this.#open.set(socket, connection);
    if (connection.limitsIdle) socket.setTimeout(this.#options.limits().shortIdleMs);
  }

  /**
   * Handles one pipelined request, the next of all connections, in each turn of the event loop: turns stay short, and a
   * client that sends one request at a time does not wait for those that send many.
   */
  readonly #nextPipelined = (): void => {
    const [connection] = this.#pipelined;
    if (connection === undefined) return;
    this.#pipelined.delete(connection);
    if (this.#pipelined.size > 0) setImmediate(this.#nextPipelined);
    // after a last answer the connection ends, and the responses of waiting requests would never be closed
    const next = connection.socket.writable ? connection.waiting.shift() : undefined;
    if (next !== undefined) this.#handleRequest(next.request, next.response);
  };

  #onClientError({ code = '' }: { readonly code?: string | undefined }, socket: Socket): void {
    const connection = this.#open.get(socket);
    // anything else that is read while the answer is sent fails as well
    if (connection?.finalOutcome !== undefined) return;
    const refusal = parserErrorProblem(code);
    if (refusal === undefined || connection === undefined) {
      socket.destroy();
      return;
    }
    const outcome = refusal.status === 408 ? 'timeout' : 'malformed';
    const underWay = connection.pending > 0 ? connection.response : undefined;
    if (connection.pending > 1 || !isAnswerable(socket, underWay)) {
      this.#reset(socket, outcome);
      return;
    }
    connection.finalOutcome = outcome;
    sendProblemAndClose(socket, refusal);
  }

  /** Nothing happened on a connection for as long as its state allows. */
  #onTimeout(socket: Socket): void {
    const connection = this.#open.get(socket);
    if (connection?.requests === 0 || isIncomplete(connection?.response))
      this.#onClientError(REQUEST_TIMEOUT, socket);
    else if (connection !== undefined && connection.pending > 0) this.#reset(socket, 'stalled');
    else socket.destroy();
  }

  #close(socket: Socket, outcome: ConnectionOutcome): void {
    this.#remove(socket, outcome);
    socket.destroy();
  }

  #reset(socket: Socket, outcome: ConnectionOutcome): void {
    const waiting = this.#open.get(socket)?.waiting ?? [];
    this.#remove(socket, outcome);
    socket.resetAndDestroy();
    // Node would end each of them with an error and its stack, which is most of the cost of a client that pipelines too
    // much
    for (const { request } of waiting) request.destroy();
  }

  /** Removes a connection: its place is free. Later events of it, such as `close`, are ignored. */
  #remove(socket: Socket, cause?: ConnectionOutcome): void {
    const connection = this.#open.get(socket);
    if (connection === undefined) return;
    const { key, address, requests, finalOutcome } = connection;
    this.#open.delete(socket);
    const left = this.#countOf(key) - 1;
    if (left > 0) this.#perKey.set(key, left);
    else this.#perKey.delete(key);
    this.#options.onOpen(this.#open.size);
    this.#options.onEnd(finalOutcome ?? cause ?? (requests > 0 ? 'used' : 'unused'), address);
  }

  #countOf(key: string): number {
    return this.#perKey.get(key) ?? 0;
  }
}
