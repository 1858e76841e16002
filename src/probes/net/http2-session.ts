import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionRequestOptions,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { fail, type ProbeFailure } from './failure.ts';

/** Node requires a URL, although the connection exists and each request names its own authority. */
const ORIGIN = 'https://localhost';
/** The maximum: Node's default is 128, after which an answer is reset. */
const MAX_HEADER_FIELDS = 65_535;
const MAX_HEADER_BYTES = 256 * 1024;
/** The most interim answers (1xx). */
const MAX_INTERIM_ANSWERS = 100;
/** The most bytes besides the content: frames of no use to one request, and padding beyond the content's size. */
const MAX_OTHER_BYTES = 1_048_576;
/** How often the received bytes are checked (ms): Node reads the frames of a session by itself. */
const CHECK_INTERVAL_MS = 20;

/** HTTP/2 for one request over its own connection; the session takes over the socket. */
export class OneRequestSession {
  readonly session: ClientHttp2Session;
  readonly #socket: Socket;
  #goneWithError = false;
  #contentBytes = 0;
  #flood: ProbeFailure | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.session = connect(ORIGIN, {
      createConnection: () => socket,
      maxHeaderListPairs: MAX_HEADER_FIELDS,
      settings: { maxHeaderListSize: MAX_HEADER_BYTES, enablePush: false },
    });
    this.session.on('goaway', (code) => {
      this.#goneWithError = code !== constants.NGHTTP2_NO_ERROR;
    });
    const watch = setInterval(() => this.#requireFewBytes(), CHECK_INTERVAL_MS).unref();
    this.session.once('close', () => clearInterval(watch));
  }

  /** Why the session was ended on this side: the server sent far more than an answer. */
  get flood(): ProbeFailure | undefined {
    return this.#flood;
  }

  /** Starts the one request. */
  request(headers: OutgoingHttpHeaders, options?: ClientSessionRequestOptions): ClientHttp2Stream {
    const stream = this.session.request(headers, options);
    let interim = 0;
    stream.on('headers', () => {
      interim += 1;
      if (interim > MAX_INTERIM_ANSWERS)
        this.#end(`The server sent more than ${MAX_INTERIM_ANSWERS} interim answers (HTTP status 1xx)`);
    });
    return stream;
  }

  /** Reports received bytes of the answer's content. */
  countContent(bytes: number): void {
    this.#contentBytes += bytes;
  }

  #requireFewBytes(): void {
    if (this.#socket.bytesRead > MAX_OTHER_BYTES + 2 * this.#contentBytes)
      this.#end(
        `The server sent more than ${MAX_OTHER_BYTES} bytes in addition to the content of its answer`,
      );
  }

  #end(text: string): void {
    this.#flood ??= fail('protocol', text);
    this.session.destroy(this.#flood);
  }

  /**
   * Whether the server refused a request before processing it (`REFUSED_STREAM`, or a GOAWAY that excludes it): it may
   * be sent again over another connection. A GOAWAY with an error is final, as in Go.
   * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.7
   */
  hasRefused({ rstCode }: ClientHttp2Stream): boolean {
    return rstCode === constants.NGHTTP2_REFUSED_STREAM && !this.#goneWithError;
  }
}
