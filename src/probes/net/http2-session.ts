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

/** Node wants a URL, though the connection is made already and each request names its own authority. */
const ORIGIN = 'https://localhost';
/** As many fields as fit: Node's own limit is 128, after which an answer is reset. */
const MAX_HEADER_FIELDS = 65_535;
const MAX_HEADER_BYTES = 256 * 1024;
/** Interim answers (1xx). */
const MAX_INTERIM_ANSWERS = 100;
/** Bytes beside the content: frames that mean nothing to one request, and, as long as the content itself, padding. */
const MAX_OTHER_BYTES = 1_048_576;
/** Node reads the frames of a session by itself: what came is looked up so often (ms). */
const LOOK_INTERVAL_MS = 20;

/** HTTP/2 for one request over a connection of its own; the session takes the socket over. */
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
    const watch = setInterval(() => this.#requireFewBytes(), LOOK_INTERVAL_MS).unref();
    this.session.once('close', () => clearInterval(watch));
  }

  /** Why the session was ended here: the server sent far more than an answer. */
  get flood(): ProbeFailure | undefined {
    return this.#flood;
  }

  /** The one request. */
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

  /** Says that so many bytes of the answer's content have come. */
  hasContent(bytes: number): void {
    this.#contentBytes += bytes;
  }

  #requireFewBytes(): void {
    if (this.#socket.bytesRead > MAX_OTHER_BYTES + 2 * this.#contentBytes)
      this.#end(`The server sent more than ${MAX_OTHER_BYTES} bytes beside the content of its answer`);
  }

  #end(text: string): void {
    this.#flood ??= fail('protocol', text);
    this.session.destroy(this.#flood);
  }

  /**
   * Whether the server refused a request before it took it (`REFUSED_STREAM`, or a GOAWAY that leaves the request out):
   * it may be sent again over another connection. A GOAWAY that names an error is meant, as to Go.
   * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.7
   */
  hasRefused({ rstCode }: ClientHttp2Stream): boolean {
    return rstCode === constants.NGHTTP2_REFUSED_STREAM && !this.#goneWithError;
  }
}
