import { createServer, request as forward } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import type { TlsOptions } from 'node:tls';
import { listen, type TestServer } from './tcp.ts';

export interface ProxyOptions {
  /** The status of the answer to CONNECT, instead of a tunnel. */
  readonly refuse?: number;
  /** It is reached over TLS. */
  readonly tls?: TlsOptions;
}

export interface ProxyServer extends TestServer {
  /** `GET http://…`, `CONNECT host:port`. */
  readonly seen: string[];
  readonly headers: Record<string, unknown>[];
}

/** A working HTTP proxy, or one that answers CONNECT with a status. Tunnels always lead to 127.0.0.1. */
export async function startProxy({ refuse, tls }: ProxyOptions = {}): Promise<ProxyServer> {
  const seen: string[] = [];
  const headers: Record<string, unknown>[] = [];
  const handle: Parameters<typeof createServer>[1] = (incoming, outgoing) => {
    seen.push(`${incoming.method} ${incoming.url}`);
    headers.push(incoming.headers);
    const upstream = forward(
      incoming.url ?? '',
      { method: incoming.method ?? 'GET', headers: incoming.headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(outgoing);
      },
    );
    upstream.on('error', () => outgoing.writeHead(502).end());
    incoming.pipe(upstream);
  };
  const server = tls === undefined ? createServer(handle) : createHttpsServer(tls, handle);
  server.on('connect', (incoming, client: Socket) => {
    seen.push(`CONNECT ${incoming.url}`);
    headers.push(incoming.headers);
    if (refuse === undefined) tunnel(client, Number(/:(\d+)$/.exec(incoming.url ?? '')?.[1]));
    else client.end(`HTTP/1.1 ${refuse} No\r\n\r\n`);
  });
  return { ...(await listen(server)), seen, headers };
}

function tunnel(client: Socket, port: number): void {
  const upstream = connect(port, '127.0.0.1', () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    client.pipe(upstream).pipe(client);
  });
  for (const socket of [client, upstream]) {
    socket.on('error', () => undefined);
    socket.once('close', () => {
      client.destroy();
      upstream.destroy();
    });
  }
}
