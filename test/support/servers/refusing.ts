import {
  createServer as createHttp2,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createPlain, type Socket } from 'node:net';
import { createServer as createTls, type TlsOptions } from 'node:tls';
import { listen, type TestServer } from './tcp.ts';

const never = (): void => undefined;

/** An HTTP/2 frame. @see https://www.rfc-editor.org/rfc/rfc9113#section-4.1 */
export function frame(type: number, stream: number, payload: readonly number[] = [], flags = 0): Buffer {
  const { length } = payload;
  return Buffer.from([0, length >> 8, length & 0xff, type, flags, 0, 0, 0, stream, ...payload]);
}

const HEADERS = 1;
const SETTINGS = frame(4, 0);

/** Frames that refuse the first request of a connection. */
export const REFUSALS = {
  /** The stream is reset before it was accepted. */
  refused: frame(3, 1, [0, 0, 0, 7]),
  /** The connection ends, and the request was not accepted. */
  goaway: frame(7, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
  /** The same because of an error: ENHANCE_YOUR_CALM. */
  calm: frame(7, 0, [0, 0, 0, 0, 0, 0, 0, 11]),
} as const;

/** Calls back at the first request of a connection. */
function onRequest(socket: Socket, asked: () => void): void {
  let bytes = Buffer.alloc(0);
  const look = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk]);
    // frames follow the preface
    for (let at = 24; at + 9 <= bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
      if (bytes[at + 3] !== HEADERS) continue;
      socket.off('data', look);
      asked();
      return;
    }
  };
  socket.on('data', look);
}

export type Http2Handle = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

function answering(handle: Http2Handle): Http2Server {
  const server = createHttp2({ maxHeaderListPairs: 10_000, settings: { maxHeaderListSize: 1_000_000 } });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', never);
    handle(stream, headers);
  });
  server.on('sessionError', never);
  return server;
}

/** An HTTP/2 server; over TLS where there is a certificate. */
export function startAnswering(handle: Http2Handle, tls?: TlsOptions): Promise<TestServer> {
  const http2 = answering(handle);
  return startOver((socket) => http2.emit('connection', socket), tls);
}

function startOver(accept: (socket: Socket) => void, tls: TlsOptions | undefined): Promise<TestServer> {
  if (tls === undefined) return listen(createPlain(accept));
  const server = createTls({ ...tls, ALPNProtocols: ['h2'] }, accept);
  server.on('tlsClientError', never);
  return listen(server);
}

/**
 * An HTTP/2 server that refuses the request of every other connection, including the first, with `refusal`; the others
 * are answered by `handle`. `always` refuses every one.
 */
export function startRefusing(
  refusal: Buffer,
  handle: Http2Handle,
  { tls, always = false }: { readonly tls?: TlsOptions; readonly always?: boolean } = {},
): Promise<TestServer> {
  const http2 = answering(handle);
  let count = 0;
  const accept = (socket: Socket): void => {
    socket.on('error', never);
    count += 1;
    if (always || count % 2 === 1) {
      socket.write(SETTINGS);
      onRequest(socket, () => socket.write(refusal));
    } else http2.emit('connection', socket);
  };
  return startOver(accept, tls);
}
