import type { RequestListener } from 'node:http';
import type { TlsOptions } from 'node:tls';
import { startHttp, startHttps, type HttpsTestServer, type HttpTestServer } from './http.ts';
import { startTcp, type TestServer } from './tcp.ts';

type Speak = (write: (text: string) => void) => void;

/** The servers of one test, closed together. */
export class ServerSet {
  readonly #servers: TestServer[] = [];

  async http(handle: RequestListener): Promise<HttpTestServer> {
    return this.add(await startHttp(handle));
  }

  async https(tls: TlsOptions, handle: RequestListener): Promise<HttpsTestServer> {
    return this.add(await startHttps(tls, handle));
  }

  async tcp(handle?: Parameters<typeof startTcp>[0]): Promise<TestServer> {
    return this.add(await startTcp(handle));
  }

  /** Answers the first bytes of each connection with this text and closes it, or passes it to `speak`. */
  raw(answer: string | Speak): Promise<TestServer> {
    return this.tcp((socket) =>
      socket.once('data', () => {
        if (typeof answer === 'string') socket.end(answer);
        else answer((text) => socket.write(text));
      }),
    );
  }

  add<Server extends TestServer>(server: Server): Server {
    this.#servers.push(server);
    return server;
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.splice(0).map((server) => server.close()));
  }
}
