import type { Socket } from 'node:net';
import { fail } from '../../net/failure.ts';
import { brokenConnection } from '../../net/socket-errors.ts';
import { requireSendable } from '../../net/wire-text.ts';
import type { BodySink, BodySource } from '../body-source.ts';
import type { HttpResponse, RequestLine } from '../response.ts';
import { BodyDecoder } from './body-decoder.ts';
import { bodyFraming } from './framing.ts';
import { HeadReader, type Head } from './head.ts';

export interface ExchangeOptions extends RequestLine {
  /** Connected, TLS included; destroying it ends the exchange. */
  readonly socket: Socket;
}

/**
 * Sends one request by HTTP/1.1 over its own connection and returns the answer's head. Node's client does more than a
 * probe needs, and uses as much CPU as everything else that a probe does in its process.
 * @throws ProbeFailure `protocol` without a valid HTTP answer, `tls` for a late TLS alert
 */
export function exchange(options: ExchangeOptions): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    requireSendable(options);
    new Exchange(options, resolve, reject).start();
  });
}

/** One request and its answer, as far as received. */
class Exchange implements BodySource {
  readonly #options: ExchangeOptions;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: Error) => void;
  readonly #heads = new HeadReader();
  #started = false;
  /** Undefined until the head is complete. */
  #decoder: BodyDecoder | undefined;
  #sink: BodySink | undefined;
  /** Content received before the body was requested. */
  #received: Buffer[] = [];
  #failure: Error | undefined;

  constructor(
    options: ExchangeOptions,
    resolve: (response: HttpResponse) => void,
    reject: (error: Error) => void,
  ) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { socket, body } = this.#options;
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.once('end', () => this.#onEnd());
    socket.once('close', () => {
      if (!this.#ended()) this.#fail(this.#connectionClosed());
    });
    socket.once('error', (error) => this.#fail(brokenConnection(error, this.#phaseText())));
    if (body === undefined) socket.write(requestHead(this.#options), 'latin1');
    else socket.write(Buffer.concat([Buffer.from(requestHead(this.#options), 'latin1'), Buffer.from(body)]));
  }

  read(sink: BodySink): void {
    this.#sink = sink;
    for (const content of this.#received) sink.data(content);
    this.#received = [];
    if (this.#failure !== undefined) sink.failed(this.#failure);
    else if (this.#decoder?.ended === true) sink.end();
  }

  pause(): void {
    this.#options.socket.pause();
  }

  resume(): void {
    this.#options.socket.resume();
  }

  #onData(bytes: Buffer): void {
    if (!this.#started) this.#options.onFirstByte();
    this.#started = true;
    try {
      if (this.#decoder === undefined) this.#readHead(bytes);
      else this.#readBody(this.#decoder, bytes);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #readHead(bytes: Buffer): void {
    const read = this.#heads.push(bytes);
    if (read === undefined) return;
    const { framing, announced } = bodyFraming(read.head, this.#options.method);
    const decoder = new BodyDecoder(framing);
    this.#decoder = decoder;
    this.#resolve(this.#response(read.head, announced));
    this.#readBody(decoder, read.rest);
  }

  #response({ status, version, headers }: Head, announcedLength: number | undefined): HttpResponse {
    return { status, version, headers, announcedLength, body: this };
  }

  #readBody(decoder: BodyDecoder, bytes: Buffer): void {
    if (this.#failure !== undefined) return;
    const ended = decoder.push(bytes, (content) => {
      if (this.#sink === undefined) this.#received.push(content);
      else this.#sink.data(content);
    });
    if (ended) this.#sink?.end();
  }

  /** The server has ended its side. */
  #onEnd(): void {
    if (this.#ended()) return;
    if (this.#decoder?.close() === true) this.#sink?.end();
    else this.#fail(this.#connectionClosed());
  }

  #connectionClosed(): Error {
    return fail('protocol', `The connection was reset or closed ${this.#phaseText()}`);
  }

  #ended(): boolean {
    return this.#failure !== undefined || this.#decoder?.ended === true;
  }

  #fail(error: Error): void {
    if (this.#ended()) return;
    this.#failure = error;
    if (this.#decoder === undefined) this.#reject(error);
    else this.#sink?.failed(error);
  }

  #phaseText(): string {
    return this.#decoder === undefined ? 'before a response was received' : 'while the body was read';
  }
}

/** A request without its body. */
function requestHead({ method, path, headers, body }: ExchangeOptions): string {
  let head = `${method} ${path} HTTP/1.1\r\n`;
  for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`;
  // servers expect a length with methods that usually have a body
  const bodyless = body === undefined && (method === 'POST' || method === 'PUT' || method === 'PATCH');
  return bodyless ? `${head}Content-Length: 0\r\n\r\n` : `${head}\r\n`;
}
