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
  readonly #answered: (response: HttpResponse) => void;
  readonly #refused: (error: Error) => void;
  readonly #heads = new HeadReader();
  #began = false;
  /** Undefined until the head is complete. */
  #decoder: BodyDecoder | undefined;
  #sink: BodySink | undefined;
  /** Content received before the body was requested. */
  #early: Buffer[] = [];
  #broken: Error | undefined;

  constructor(
    options: ExchangeOptions,
    answered: (response: HttpResponse) => void,
    refused: (error: Error) => void,
  ) {
    this.#options = options;
    this.#answered = answered;
    this.#refused = refused;
  }

  start(): void {
    const { socket, body } = this.#options;
    socket.on('data', (bytes: Buffer) => this.#came(bytes));
    socket.once('end', () => this.#saidAll());
    socket.once('close', () => {
      if (!this.#ended()) this.#broke(this.#cutOff());
    });
    socket.once('error', (error) => this.#broke(brokenConnection(error, this.#doing())));
    if (body === undefined) socket.write(requestHead(this.#options), 'latin1');
    else socket.write(Buffer.concat([Buffer.from(requestHead(this.#options), 'latin1'), Buffer.from(body)]));
  }

  read(sink: BodySink): void {
    this.#sink = sink;
    for (const content of this.#early) sink.data(content);
    this.#early = [];
    if (this.#broken !== undefined) sink.failed(this.#broken);
    else if (this.#decoder?.ended === true) sink.end();
  }

  pause(): void {
    this.#options.socket.pause();
  }

  resume(): void {
    this.#options.socket.resume();
  }

  #came(bytes: Buffer): void {
    if (!this.#began) this.#options.onFirstByte();
    this.#began = true;
    try {
      if (this.#decoder === undefined) this.#readHead(bytes);
      else this.#readBody(this.#decoder, bytes);
    } catch (error) {
      this.#broke(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #readHead(bytes: Buffer): void {
    const read = this.#heads.push(bytes);
    if (read === undefined) return;
    const { framing, announced } = bodyFraming(read.head, this.#options.method);
    const decoder = new BodyDecoder(framing);
    this.#decoder = decoder;
    this.#answered(this.#response(read.head, announced));
    this.#readBody(decoder, read.rest);
  }

  #response({ status, version, headers }: Head, announcedLength: number | undefined): HttpResponse {
    return { status, version, headers, announcedLength, body: this };
  }

  #readBody(decoder: BodyDecoder, bytes: Buffer): void {
    if (this.#broken !== undefined) return;
    const ended = decoder.push(bytes, (content) => {
      if (this.#sink === undefined) this.#early.push(content);
      else this.#sink.data(content);
    });
    if (ended) this.#sink?.end();
  }

  /** The server has ended its side. */
  #saidAll(): void {
    if (this.#ended()) return;
    if (this.#decoder?.close() === true) this.#sink?.end();
    else this.#broke(this.#cutOff());
  }

  #cutOff(): Error {
    return fail('protocol', `The connection was reset or closed ${this.#doing()}`);
  }

  #ended(): boolean {
    return this.#broken !== undefined || this.#decoder?.ended === true;
  }

  #broke(error: Error): void {
    if (this.#ended()) return;
    this.#broken = error;
    if (this.#decoder === undefined) this.#refused(error);
    else this.#sink?.failed(error);
  }

  #doing(): string {
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
