import type { Duplex } from 'node:stream';

/** The most that may be sent before a prober closes the connection: its limit plus the buffers of two sockets. */
export const MOST_BYTES = 48 * 1_048_576;
export const CHUNK_BYTES = 65_536;

/** How much has been written, over all connections of a server. */
export interface Sent {
  bytes: number;
}

/** Writes a chunk repeatedly while it is read; stops far beyond what a prober may read, so that a test ends. */
export function flood(socket: Duplex, chunk: Buffer, sent: Sent): void {
  const go = (): void => {
    while (!socket.destroyed && sent.bytes < 4 * MOST_BYTES) {
      sent.bytes += chunk.length;
      if (!socket.write(chunk)) return;
    }
  };
  socket.on('drain', go);
  socket.on('error', () => undefined);
  go();
}

/** As many copies as fit into a chunk, at least one. */
export function repeated(piece: Buffer | string): Buffer {
  const bytes = Buffer.from(piece);
  const times = Math.max(1, Math.floor(CHUNK_BYTES / bytes.length));
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

/** One frame of HTTP/2. @see https://www.rfc-editor.org/rfc/rfc9113#section-4.1 */
export function http2Frame(
  type: number,
  stream: number,
  { flags = 0, payload = Buffer.alloc(0) } = {},
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const END_HEADERS = 4;
const ACKNOWLEDGED = 1;

/** The start of what an HTTP/2 server sends. */
export const HTTP2_BEGINNING = Buffer.concat([http2Frame(4, 0), http2Frame(4, 0, { flags: ACKNOWLEDGED })]);
/** `:status: 200` for the first request. */
export const HTTP2_OK = http2Frame(1, 1, { flags: END_HEADERS, payload: Buffer.of(0x88) });
/** `:status: 103` for the first request. */
export const HTTP2_INTERIM = http2Frame(1, 1, {
  flags: END_HEADERS,
  payload: Buffer.concat([Buffer.of(0x08, 3), Buffer.from('103')]),
});
