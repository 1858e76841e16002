import { createServer, IncomingMessage, ServerResponse, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import type { ServerConfig } from '../config/types.ts';
import type { Logger } from '../domain/log.ts';
import { cutOnAbort } from '../domain/cancellation.ts';
import { LedgerUnavailableError } from '../ledger/ledger.ts';
import type { Connections } from './connections.ts';
import { sendProblem } from './problem.ts';

/** Answers requests: a route or a middleware. */
export type Handler = RequestHandler;

export interface HttpServerOptions {
  readonly config: ServerConfig;
  readonly logger: Logger;
  /** Manages the connections. */
  readonly connections: Connections;
  /** In the order in which they are called. */
  readonly handlers: readonly Handler[];
}

/** A listening server. */
export interface HttpServer {
  /** Such as `http://127.0.0.1:10464`. */
  readonly url: string;
  /** The address and port of the socket. */
  readonly listener: Pick<AddressInfo, 'address' | 'port'>;
  /** Accepts no new requests, lets those in progress end, and cuts them off once `signal` aborts. */
  close(signal: AbortSignal): Promise<void>;
}

/** How often Node looks for requests that are late; its default of 30 s would add that to each limit. */
const CHECK_MS = 500;

/** The server cannot listen on the address; the message says which, why and what to do. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** Starts the one server on the one address. Throws `ListenError` where that is not possible. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { config, logger, connections } = options;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  for (const handler of options.handlers) app.use(handler);
  app.use(notFound, failed(logger));
  const server = createServer({
    maxHeaderSize: config.maxHeaderBytes,
    connectionsCheckingInterval: CHECK_MS,
    ...messageClasses(app),
  });
  limit(server, config);
  connections.attach(server, app);
  await listen(server, config);
  const listener = server.address() as AddressInfo;
  return {
    url: urlOf(listener, config),
    listener,
    close: (signal) => close({ server, connections, signal }),
  };
}

/**
 * Request and response classes with Express's prototypes from the start. Express otherwise replaces the prototype of
 * each object, after which V8 treats each of them as an object of its own kind: that costs more than everything else in
 * Express.
 */
function messageClasses(app: Express) {
  class OwnRequest extends IncomingMessage {}
  class OwnResponse extends ServerResponse {}
  Object.setPrototypeOf(OwnRequest.prototype, app.request);
  Object.setPrototypeOf(OwnResponse.prototype, app.response);
  app.request = OwnRequest.prototype as Request;
  app.response = OwnResponse.prototype as Response;
  return { IncomingMessage: OwnRequest, ServerResponse: OwnResponse };
}

function limit(server: Server, config: ServerConfig): void {
  server.headersTimeout = config.headerTimeoutMs;
  server.requestTimeout = config.requestTimeoutMs;
  server.keepAliveTimeout = config.keepAliveMs;
  // no client may hold a connection without reading the answer
  server.timeout = config.requestTimeoutMs;
}

function listen(server: Server, { listen: { host, port } }: ServerConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new ListenError(explain(error, host, port))),
    );
    server.listen(port, host, () => resolve());
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  const where = `cannot listen on ${host}:${port}`;
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where}: the port is in use by another process. Stop it, or choose another port with --listen or server.listen.`;
    case 'EACCES':
      return `${where}: this user is not permitted to use the port. Choose one above 1023.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${where}: this machine does not have this address. Choose one that it has, such as 127.0.0.1.`;
    default:
      return `${where}: ${error.message}`;
  }
}

function urlOf({ port }: AddressInfo, config: ServerConfig): string {
  const { host } = config.listen;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

interface Closing {
  readonly server: Server;
  readonly connections: Connections;
  readonly signal: AbortSignal;
}

async function close({ server, connections, signal }: Closing): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  await cutOnAbort(closed, signal, () => connections.destroyAll());
}

const notFound: RequestHandler = (request, response) => {
  const detail = `No route matches ${request.method} ${request.path}; / lists the paths.`;
  sendProblem(response, { status: 404, title: 'Not found', detail });
};

function failed(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, _next) => {
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (error instanceof LedgerUnavailableError) {
      response.set('Retry-After', '5');
      sendProblem(response, { status: 503, title: 'The ledger cannot be read', detail: error.message });
      return;
    }
    const status = clientErrorStatus(error);
    if (status === undefined) logger.error({ path: request.path, error: String(error) }, 'a request failed');
    sendProblem(response, {
      status: status ?? 503,
      title: status === undefined ? 'Internal error' : 'Bad request',
      detail: status === undefined ? 'See the log for the cause. Try again.' : String(error),
    });
  };
}

/** Express throws 4xx for what cannot be decoded, such as a broken percent-encoding. */
function clientErrorStatus(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('status' in error)) return undefined;
  const { status } = error;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
