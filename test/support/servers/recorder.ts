import { createServer as createHttp2Server } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { listen, type TestServer } from './tcp.ts';

/** A server that records what each of its connections received. */
export interface Recorder extends TestServer {
  /** One buffer for each connection that sent something, in order; `take` empties it. */
  take(): readonly Buffer[];
}

/**
 * Records all that is sent to it.
 * @param answer the answer to the first bytes of each connection; it closes the connection after the next ones, or at
 * once where this is undefined
 */
export async function startRecorder(answer: (bytes: Buffer) => Buffer | undefined): Promise<Recorder> {
  let taken: Buffer[] = [];
  const server = createServer((socket: Socket) => {
    let bytes = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const received = bytes.length === 0 ? answer(chunk) : undefined;
      if (received === undefined) socket.end();
      else socket.write(received);
      bytes = Buffer.concat([bytes, chunk]);
    });
    socket.once('end', () => socket.end());
    socket.once('close', () => {
      if (bytes.length > 0) taken.push(bytes);
    });
  });
  const all = (): readonly Buffer[] => {
    const them = taken;
    taken = [];
    return them;
  };
  return { ...(await listen(server)), take: all };
}

/** An HTTP/2 server without TLS that records the header fields of its requests, one per line. */
export async function startHttp2Recorder(): Promise<Recorder> {
  let taken: Buffer[] = [];
  const server = createHttp2Server();
  server.on('stream', (stream, headers) => {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
    taken.push(Buffer.from(lines.join('\n')));
    stream.on('error', () => undefined);
    stream.respond({ ':status': 404 }, { endStream: true });
  });
  server.on('sessionError', () => taken.push(Buffer.from('\0 not HTTP/2')));
  const all = (): readonly Buffer[] => {
    const them = taken;
    taken = [];
    return them;
  };
  return { ...(await listen(server)), take: all };
}

/** The names of a TLS ClientHello (RFC 6066, 3); undefined where the bytes are not one. */
export function serverNames(hello: Buffer): readonly string[] | undefined {
  if (hello[0] !== 22 || hello[5] !== 1) return undefined;
  let at = 5 + 4 + 2 + 32;
  at += 1 + hello.readUInt8(at);
  at += 2 + hello.readUInt16BE(at);
  at += 1 + hello.readUInt8(at);
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) !== 0) continue;
    const length = hello.readUInt16BE(at + 4 + 3);
    return [hello.toString('latin1', at + 9, at + 9 + length)];
  }
  return [];
}
