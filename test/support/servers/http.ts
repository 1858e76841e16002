import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TlsOptions } from 'node:tls';
import { listen, type TestServer } from './tcp.ts';

export interface HttpTestServer extends TestServer {
  /** Without a trailing slash. */
  readonly url: string;
}

export async function startHttp(handle: RequestListener): Promise<HttpTestServer> {
  const server = await listen(createServer(handle));
  return { ...server, url: `http://127.0.0.1:${server.port}` };
}

export interface HttpsTestServer extends HttpTestServer {
  /** Makes it send another certificate from now on. */
  renew(tls: TlsOptions): void;
}

/** Over TLS; its URL has `localhost`, as test certificates do. */
export async function startHttps(tls: TlsOptions, handle: RequestListener): Promise<HttpsTestServer> {
  const plain = createTlsServer(tls, handle);
  plain.on('tlsClientError', () => undefined);
  const server = await listen(plain);
  return {
    ...server,
    url: `https://localhost:${server.port}`,
    renew: (options) => plain.setSecureContext(options),
  };
}
