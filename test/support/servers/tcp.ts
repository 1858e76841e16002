import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A server on a free loopback port that tracks its connections. */
export interface TestServer {
  readonly port: number;
  /** `127.0.0.1:port` */
  readonly address: string;
  /** Connections that are open now. */
  open(): number;
  /** Connections so far. */
  accepted(): number;
  /** Fulfilled as soon as no connection is open. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Listens and tracks the connections of any kind of server. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let waiting: (() => void)[] = [];
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size > 0) return;
      for (const done of waiting) done();
      waiting = [];
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    open: () => sockets.size,
    accepted: () => accepted,
    idle: () => (sockets.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** A server that passes each connection to `handle`; by default it does nothing. */
export function startTcp(handle: (socket: Socket) => void = () => undefined): Promise<TestServer> {
  return listen(
    createServer((socket) => {
      handle(socket);
      // reading is necessary to notice that the other side has disconnected
      socket.resume();
    }),
  );
}

/** A loopback port on which nothing listens. */
export async function closedPort(): Promise<number> {
  const server = await startTcp();
  await server.close();
  return server.port;
}
