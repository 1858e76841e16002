import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { SocketReader } from '../dialogue/reader.ts';
import { fail, type ProbeFailure } from '../net/failure.ts';

/** The most bytes of a message, all fragments together. */
const MAX_MESSAGE_BYTES = 1_048_576;
/**
 * The most frames that a server may send: empty ones and pings cost CPU and memory long before they add up to many
 * bytes.
 */
const MAX_FRAMES = 4_096;
/** Answers to pings that the server has not read; beyond this, no more are sent. */
const MAX_UNSENT_BYTES = 65_536;
const MAX_CONTROL_BYTES = 125;

const OPCODE = { continuation: 0x0, text: 0x1, binary: 0x2, close: 0x8, ping: 0x9, pong: 0xa } as const;

interface Frame {
  readonly final: boolean;
  readonly opcode: number;
  readonly payload: Buffer;
}

/**
 * A frame of a client: unfragmented, and masked.
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-5.2
 */
function clientFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload;
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + extended);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) head.writeUInt16BE(length, 2);
  if (extended === 8) head.writeBigUInt64BE(BigInt(length), 2);
  const mask = randomBytes(4);
  const masked = Buffer.from(payload);
  for (let i = 0; i < length; i += 1) masked[i] = (masked[i] ?? 0) ^ (mask[i & 3] ?? 0);
  return Buffer.concat([head, mask, masked]);
}

/** Sends and receives the messages of a connection that has switched to WebSocket. */
export class MessageStream {
  readonly #socket: Socket;
  readonly #reader: SocketReader;
  #frames = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#reader = new SocketReader(socket);
  }

  /** Resolves when the message has been written; rejects when the connection breaks. */
  send(text: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(clientFrame(OPCODE.text, text), (error) => {
        if (error) reject(fail('protocol', 'The connection broke while a message was sent'));
        else resolve();
      });
    });
  }

  /** Sends a close frame; the server closes the connection. */
  close(): void {
    this.#reader.release();
    this.#socket.write(clientFrame(OPCODE.close, Buffer.from([0x03, 0xe8])));
    this.#socket.destroySoon();
  }

  /**
   * The next message, text or binary; pings in between are answered.
   * @throws ProbeFailure `protocol` when the server closes, violates the protocol, or sends more than
   * `MAX_MESSAGE_BYTES` or `MAX_FRAMES`
   */
  async message(): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const frame = await this.#frame(MAX_MESSAGE_BYTES - length);
      if (frame.opcode >= OPCODE.close) {
        this.#control(frame);
        continue;
      }
      const begins = frame.opcode !== OPCODE.continuation;
      if (begins !== (pieces.length === 0)) throw broken('a fragment is out of order');
      pieces.push(frame.payload);
      length += frame.payload.length;
      if (frame.final) return Buffer.concat(pieces);
    }
  }

  #control({ opcode, payload }: Frame): void {
    if (opcode === OPCODE.close) {
      const code = payload.length >= 2 ? ` (code ${payload.readUInt16BE(0)})` : '';
      throw fail('protocol', `The server closed the connection${code} before the message that was expected`);
    }
    if (opcode === OPCODE.ping && this.#socket.writableLength < MAX_UNSENT_BYTES)
      this.#socket.write(clientFrame(OPCODE.pong, payload));
  }

  async #frame(room: number): Promise<Frame> {
    this.#frames += 1;
    if (this.#frames > MAX_FRAMES) throw fail('protocol', `The server sent more than ${MAX_FRAMES} frames`);
    const [first = 0, second = 0] = await this.#bytes(2);
    if ((first & 0x70) !== 0) throw broken('a reserved bit is set');
    if ((second & 0x80) !== 0) throw broken('a frame of the server is masked');
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    if (opcode > OPCODE.pong || (opcode > OPCODE.binary && opcode < OPCODE.close))
      throw broken(`unknown opcode ${opcode}`);
    const length = await this.#length(second & 0x7f);
    const control = opcode >= OPCODE.close;
    if (control && (!final || length > MAX_CONTROL_BYTES))
      throw broken('a control frame is too long or fragmented');
    if (!control && length > room)
      throw fail('protocol', `A message of the server is longer than ${MAX_MESSAGE_BYTES} bytes`);
    return { final, opcode, payload: await this.#bytes(length) };
  }

  async #length(short: number): Promise<number> {
    if (short < 126) return short;
    const bytes = await this.#bytes(short === 126 ? 2 : 8);
    return short === 126 ? bytes.readUInt16BE(0) : Number(bytes.readBigUInt64BE(0));
  }

  async #bytes(count: number): Promise<Buffer> {
    const bytes = await this.#reader.bytes(count);
    if (bytes.length < count) throw fail('protocol', 'The connection was closed within a message');
    return bytes;
  }
}

function broken(why: string): ProbeFailure {
  return fail('protocol', `The server violates the WebSocket protocol: ${why}`);
}
