import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';

/** Node wants a URL, though the connection is made already and each request names its own authority. */
const ORIGIN = 'https://localhost';
/** As many fields as fit: Node's own limit is 128, after which an answer is reset. */
const MAX_HEADER_FIELDS = 65_535;
const MAX_HEADER_BYTES = 256 * 1024;

/** HTTP/2 for one request over a connection of its own; the session takes the socket over. */
export class OneRequestSession {
  readonly session: ClientHttp2Session;
  #goneWithError = false;

  constructor(socket: Socket) {
    this.session = connect(ORIGIN, {
      createConnection: () => socket,
      maxHeaderListPairs: MAX_HEADER_FIELDS,
      settings: { maxHeaderListSize: MAX_HEADER_BYTES, enablePush: false },
    });
    this.session.on('goaway', (code) => {
      this.#goneWithError = code !== constants.NGHTTP2_NO_ERROR;
    });
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
