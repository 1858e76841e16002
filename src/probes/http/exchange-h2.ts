import { constants, type IncomingHttpHeaders as Http2Headers, type OutgoingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { fail, ProbeFailure } from '../net/failure.ts';
import { errorCode } from '../net/error-fields.ts';
import { OneRequestSession } from '../net/http2-session.ts';
import { brokenConnection } from '../net/socket-errors.ts';
import { requireSendable } from '../net/wire-text.ts';
import { streamSource, type BodySource } from './body-source.ts';
import { headerValue } from './http1/head.ts';
import { parseLength } from './http1/framing.ts';
import type { HttpResponse, RequestLine } from './response.ts';

export interface Http2ExchangeOptions extends RequestLine {
  /** Over TLS, with `h2` negotiated; the session takes it over, and destroying it ends the exchange. */
  readonly socket: Socket;
  /** Host and port of the URL, as in `Host`. */
  readonly authority: string;
}

/**
 * Headers that are invalid in HTTP/2.
 * @see https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2
 */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** The server refused the request before processing it; it may be sent again, over another connection. */
export class RequestRefused extends ProbeFailure {
  constructor() {
    const text = 'The server refused the request before processing it (HTTP/2 REFUSED_STREAM or GOAWAY)';
    super({ status: 'failure', reason: 'protocol', text });
  }
}

/**
 * Sends one request by HTTP/2 over its own connection and returns the answer's head.
 * @throws ProbeFailure `protocol` without a valid HTTP answer; RequestRefused when the request may be repeated once
 */
export function exchangeHttp2(options: Http2ExchangeOptions): Promise<HttpResponse> {
  const { socket, method, body, onFirstByte } = options;
  return new Promise((resolve, reject) => {
    requireSendable(options);
    const connection = new OneRequestSession(socket);
    const { session } = connection;
    const stream = connection.request(requestHeaders(options), { endStream: body === undefined });
    const failed = (failure: Error): void =>
      reject(connection.flood ?? (connection.hasRefused(stream) ? new RequestRefused() : failure));
    session.on('error', (error) => failed(streamFailure(error)));
    session.once('close', () =>
      failed(fail('protocol', 'The connection was closed before a response was received')),
    );
    stream.on('error', (error) => failed(streamFailure(error)));
    stream.once('close', () =>
      failed(fail('protocol', 'The server aborted the request before a response was received')),
    );
    // Node.js ends an aborted stream as if it were complete
    stream.once('end', () => {
      const { rstCode } = stream;
      if (rstCode !== 0) stream.emit('error', new Error(`the stream was reset (error ${rstCode})`));
    });
    stream.once('response', (headers, flags) => {
      onFirstByte();
      const ended = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      const content = counted(streamSource(stream), (bytes) => connection.countContent(bytes));
      resolve(httpResponse(content, headers, ended && method !== 'HEAD'));
    });
    if (body !== undefined) stream.end(body);
  });
}

/**
 * The flat list of a request's headers for HTTP/2: `Host` is `:authority`, names are in lower case. Node accepts each
 * name only once; several values of one name mean the same in one field. `TE` may only be `trailers`.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.3
 */
function requestHeaders({ method, path, authority, headers }: Http2ExchangeOptions): OutgoingHttpHeaders {
  const fields: Record<string, string> = {
    ':method': method,
    ':scheme': 'https',
    ':authority': authority,
    ':path': path,
  };
  for (let i = 0; i + 1 < headers.length; i += 2) {
    const [name = '', value = ''] = headers.slice(i, i + 2);
    const key = name.toLowerCase();
    if (key === 'host') fields[':authority'] = value;
    if (CONNECTION_HEADERS.has(key)) continue;
    const known = fields[key];
    fields[key] = known === undefined ? value : `${known}${key === 'cookie' ? '; ' : ', '}${value}`;
  }
  const { te, ...others } = fields;
  const trailers = te !== undefined && /(?:^|,)\s*trailers\s*(?:,|;|$)/i.test(te);
  return trailers ? { ...others, te: 'trailers' } : others;
}

/** Reports the number of bytes of a body as they arrive. */
function counted(body: BodySource, came: (bytes: number) => void): BodySource {
  return {
    read: (sink) =>
      body.read({
        data: (content) => {
          came(content.length);
          sink.data(content);
        },
        end: () => sink.end(),
        failed: (error) => sink.failed(error),
      }),
    pause: () => body.pause(),
    resume: () => body.resume(),
  };
}

function httpResponse(body: BodySource, headers: Http2Headers, bodyless: boolean): HttpResponse {
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
    body,
  };
}

function streamFailure(error: unknown): Error {
  const code = errorCode(error);
  if (code.startsWith('ERR_HTTP2_'))
    return fail('protocol', `The answer is not HTTP/2, or was aborted (${code})`);
  return brokenConnection(error, 'before a response was received');
}
