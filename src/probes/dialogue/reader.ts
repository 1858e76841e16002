import type { Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { fail, ProbeFailure } from '../net/failure.ts';
import { brokenConnection } from '../net/socket-errors.ts';

/** Longer lines fail a run; blackbox_exporter's limit. */
export const MAX_LINE_BYTES = 65_536;
/** Unread bytes above which the socket is paused; all lines in them are searched without a break. */
const HIGH_WATER_BYTES = 65_536;
/** The most bytes that a server may send in total. */
const MAX_STREAM_BYTES = 16_777_216;
/** The most lines: a server that sends empty ones costs CPU long before it has sent `MAX_STREAM_BYTES`. */
const MAX_LINES = 100_000;
/** Pieces that are read from the buffer before the event loop gets a turn. */
const PIECES_PER_TURN = 1_000;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Reads lines and bytes from a socket, in any order and independent of segments; nothing is lost in between. */
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
      if (await this.#waitForMore()) continue;
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
    while (this.#buffer.length < count && (await this.#waitForMore()));
    return this.#take(Math.min(count, this.#buffer.length));
  }

  /** Detaches from the socket, so that another reader can use it; unread data is discarded. */
  release(): void {
    this.#buffer = Buffer.alloc(0);
    this.#socket.pause();
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('end', this.#onEnd);
    this.#socket.removeListener('close', this.#onEnd);
    this.#socket.removeListener('error', this.#onError);
  }

  /** Buffered pieces are read without waiting: many tiny ones would block the event loop. */
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

  /** Waits for more data; false at the end of the stream. */
  async #waitForMore(): Promise<boolean> {
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
