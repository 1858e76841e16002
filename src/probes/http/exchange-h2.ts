import {
  connect,
  constants,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders as Http2Headers,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { fail } from '../net/failure.ts';
import { errorCode } from '../net/error-fields.ts';
import { brokenConnection } from '../net/socket-errors.ts';
import { requireSendable } from '../net/wire-text.ts';
import { streamSource } from './body-source.ts';
import { headerValue } from './http1/head.ts';
import { parseLength } from './http1/framing.ts';
import type { HttpResponse, RequestLine } from './response.ts';

export interface Http2ExchangeOptions extends RequestLine {
  /** Over TLS, `h2` agreed on; the session takes it over, and destroying it ends the exchange. */
  readonly socket: Socket;
  /** Scheme, host and port of the URL. */
  readonly origin: string;
}

/** Headers that HTTP/2 has no place for. @see https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2 */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/**
 * Sends one request by HTTP/2 over a connection of its own and gives the answer's head.
 * @throws ProbeFailure `protocol` when no HTTP answer comes
 */
export function exchangeHttp2(options: Http2ExchangeOptions): Promise<HttpResponse> {
  const { socket, origin, method, body, onFirstByte } = options;
  return new Promise((resolve, reject) => {
    requireSendable(options);
    const session: ClientHttp2Session = connect(origin, { createConnection: () => socket });
    session.on('error', (error) => reject(streamFailure(error)));
    session.once('close', () => reject(fail('protocol', 'The connection was closed before an answer came')));
    const stream = session.request(requestHeaders(options), { endStream: body === undefined });
    stream.on('error', (error) => reject(streamFailure(error)));
    stream.once('close', () =>
      reject(fail('protocol', 'The server gave up the request before an answer came')),
    );
    // Node.js ends a stream that was given up as if all had come
    stream.once('end', () => {
      const { rstCode } = stream;
      if (rstCode !== 0) stream.emit('error', new Error(`the stream was given up (${rstCode})`));
    });
    stream.once('response', (headers, flags) => {
      onFirstByte();
      const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      resolve(httpResponse(stream, headers, ended && method !== 'HEAD'));
    });
    if (body !== undefined) stream.end(body);
  });
}

/** The flat list of a request as HTTP/2 wants it: `Host` is `:authority`, names in lower case. */
function requestHeaders({ method, path, origin, headers }: Http2ExchangeOptions): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = {
    ':method': method,
    ':scheme': 'https',
    ':authority': new URL(origin).host,
    ':path': path,
  };
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2);
    const key = name.toLowerCase();
    if (key === 'host') fields[':authority'] = value;
    if (CONNECTION_HEADERS.has(key)) continue;
    const known = fields[key];
    fields[key] = known === undefined ? value : [known, value].flat();
  }
  return fields;
}

function httpResponse(stream: ClientHttp2Stream, headers: Http2Headers, bodyless: boolean): HttpResponse {
  const flat: string[] = [];
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(':') || value === undefined) continue;
    for (const one of [value].flat()) flat.push(name, one);
  }
  return {
    status: Number(headers[':status'] ?? 0),
    version: '2.0',
    headers: flat,
    announcedLength: parseLength(headerValue(flat, 'content-length')) ?? (bodyless ? 0 : undefined),
    body: streamSource(stream),
  };
}

function streamFailure(error: unknown): Error {
  const code = errorCode(error);
  if (code.startsWith('ERR_HTTP2_'))
    return fail('protocol', `The answer is not HTTP/2, or was given up (${code})`);
  return brokenConnection(error, 'before an answer came');
}
