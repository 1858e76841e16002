import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TlsOptions } from 'node:tls';
import { listen, type TestServer } from './tcp.ts';

/** A server frame: not masked. */
export function serverFrame(payload: string | Buffer, { opcode = 1, final = true } = {}): Buffer {
  const bytes = Buffer.from(payload);
  const head =
    bytes.length < 126
      ? Buffer.from([bytes.length])
      : bytes.length < 65_536
        ? Buffer.from([126, bytes.length >> 8, bytes.length & 0xff])
        : Buffer.concat([Buffer.from([127, 0, 0, 0, 0]), uint32(bytes.length)]);
  return Buffer.concat([Buffer.from([(final ? 0x80 : 0) | opcode]), head, bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The frames of a client in a chunk, unmasked; tests do not send split frames. */
export function clientFrames(chunk: Buffer): readonly { readonly opcode: number; readonly text: string }[] {
  const found: { opcode: number; text: string }[] = [];
  for (let at = 0; at + 6 <= chunk.length;) {
    const opcode = (chunk[at] ?? 0) & 0x0f;
    const short = (chunk[at + 1] ?? 0) & 0x7f;
    const extended = short < 126 ? 0 : 2;
    const length = extended === 0 ? short : chunk.readUInt16BE(at + 2);
    const mask = chunk.subarray(at + 2 + extended, at + 6 + extended);
    const begin = at + 6 + extended;
    const payload = Buffer.from(chunk.subarray(begin, begin + length)).map(
      (byte, i) => byte ^ (mask[i & 3] ?? 0),
    );
    found.push({ opcode, text: Buffer.from(payload).toString() });
    at = begin + length;
  }
  return found;
}

export interface WebsocketTestServer extends TestServer {
  /** `ws://127.0.0.1:port`, or `wss://localhost:port` */
  readonly url: string;
}

type Talk = (socket: Duplex, request: IncomingMessage) => void;

/** Handles each connection that has switched protocols. */
export function startWebsocket(talk: Talk = () => undefined, tls?: TlsOptions): Promise<WebsocketTestServer> {
  return serving(tls, (request, socket) => {
    const key = request.headers['sec-websocket-key'] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    talk(socket, request);
  });
}

/** Answers the upgrade request with these bytes. */
export function startRefusing(answer: string): Promise<WebsocketTestServer> {
  return serving(undefined, (_request, socket) => socket.end(answer));
}

async function serving(
  tls: TlsOptions | undefined,
  upgrade: (request: IncomingMessage, socket: Duplex) => void,
): Promise<WebsocketTestServer> {
  const plain: Server = tls === undefined ? createServer() : createTlsServer(tls);
  plain.on('tlsClientError', () => undefined);
  plain.on('upgrade', (request, socket) => {
    socket.on('error', () => undefined);
    upgrade(request, socket);
  });
  const server = await listen(plain);
  const url = tls === undefined ? `ws://127.0.0.1:${server.port}` : `wss://localhost:${server.port}`;
  return { ...server, url };
}

/** Sends a greeting, and answers each known text. */
export function talking(greeting: string, answers: Readonly<Record<string, string>>): Talk {
  return (socket) => {
    if (greeting !== '') socket.write(serverFrame(greeting));
    socket.on('data', (chunk: Buffer) => {
      for (const { opcode, text } of clientFrames(chunk)) {
        const answer = opcode === 1 ? answers[text] : undefined;
        if (answer !== undefined) socket.write(serverFrame(answer));
      }
    });
  };
}
