import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { fail, ProbeFailure } from '../net/failure.ts';
import { brokenConnection } from '../net/socket-errors.ts';

/** Longer lines fail a run; blackbox_exporter's limit. */
export const MAX_LINE_BYTES = 65_536;
/** What may lie unread before the server is made to wait: lines of it are looked through at one go. */
const HIGH_WATER_BYTES = 65_536;
/** The most bytes that a server may send in all. */
const MAX_STREAM_BYTES = 16_777_216;
/** The most lines: a server that sends empty ones costs CPU long before it has sent `MAX_STREAM_BYTES`. */
const MAX_LINES = 100_000;
/** Pieces that are taken from what has been received before everything else gets its turn. */
const PIECES_PER_TURN = 1_000;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Reads lines and bytes off a socket, in any order and however they are cut into segments; nothing is lost in between. */
export class SocketReader {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  #received = 0;
  #lines = 0;
  #pieces = 0;
  #ended = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('close', this.#onEnd);
    socket.on('error', this.#onError);
  }

  /**
   * The next line without its end (`\n` or `\r\n`); the last one may lack it. Undefined at the end of the stream.
   * @throws ProbeFailure when the connection breaks, a line is longer than `MAX_LINE_BYTES`, or there are too many
   */
  async line(): Promise<string | undefined> {
    if (this.#turnIsOver()) await setImmediate();
    this.#lines += 1;
    if (this.#lines > MAX_LINES) throw fail('protocol', `The server sent more than ${MAX_LINES} lines`);
    for (let searched = 0; ;) {
      const end = this.#buffer.indexOf(NEWLINE, searched);
      if (end >= 0) return this.#lineUpTo(end);
      searched = this.#buffer.length;
      if (searched >= MAX_LINE_BYTES)
        throw fail('protocol', `A line of the answer is longer than ${MAX_LINE_BYTES} bytes`);
      if (await this.#more()) continue;
      if (this.#buffer.length === 0) return undefined;
      return this.#lineUpTo(this.#buffer.length);
    }
  }

  /**
   * The next `count` bytes; fewer only at the end of the stream.
   * @throws ProbeFailure when the connection breaks
   */
  async bytes(count: number): Promise<Buffer> {
    if (this.#turnIsOver()) await setImmediate();
    while (this.#buffer.length < count && (await this.#more()));
    return this.#take(Math.min(count, this.#buffer.length));
  }

  /** Lets go of the socket, so that another may read it; what was received and not read is thrown away. */
  release(): void {
    this.#buffer = Buffer.alloc(0);
    this.#socket.pause();
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('end', this.#onEnd);
    this.#socket.removeListener('close', this.#onEnd);
    this.#socket.removeListener('error', this.#onError);
  }

  /** Pieces that are there already are read without waiting: tiny ones would keep the event loop for themselves. */
  #turnIsOver(): boolean {
    this.#pieces += 1;
    return this.#pieces % PIECES_PER_TURN === 0;
  }

  #lineUpTo(end: number): string {
    const withoutReturn = this.#buffer[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    const line = this.#buffer.toString('utf8', 0, Math.max(0, withoutReturn));
    this.#take(Math.min(end + 1, this.#buffer.length));
    return line;
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  /** Waits until there is more to read; false when there never will be. */
  async #more(): Promise<boolean> {
    const before = this.#buffer.length;
    if (!this.#ended) {
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#buffer.length > before) return true;
    if (this.#error instanceof ProbeFailure) throw this.#error;
    if (this.#error !== undefined) throw brokenConnection(this.#error, 'while waiting for an answer');
    return !this.#ended;
  }

  #woken(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#received > MAX_STREAM_BYTES) {
      this.#socket.pause();
      this.#error ??= fail('protocol', `The server sent more than ${MAX_STREAM_BYTES} bytes`);
      this.#onEnd();
      return;
    }
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    if (this.#buffer.length >= HIGH_WATER_BYTES) this.#socket.pause();
    this.#woken();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#woken();
  };

  readonly #onError = (error: unknown): void => {
    this.#error = error;
    this.#onEnd();
  };
}
