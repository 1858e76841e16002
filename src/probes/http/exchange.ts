import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { fail } from '../net/failure.ts';
import { errorCode } from '../net/error-fields.ts';
import { brokenConnection } from '../net/socket-errors.ts';
import type { HttpResponse, RequestLine } from './response.ts';

export interface ExchangeOptions extends RequestLine {
  /** Connected, TLS included; destroying it ends the exchange. */
  readonly socket: Socket;
}

const MAX_HEADER_BYTES = 256 * 1024;

/**
 * Sends one request by HTTP/1.1 over a connection of its own and gives the answer's head.
 * @throws ProbeFailure `protocol` when no HTTP answer comes, `tls` for a late TLS alert
 */
export function exchange({
  socket,
  method,
  path,
  headers,
  body,
  onFirstByte,
}: ExchangeOptions): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket,
      method,
      path,
      headers,
      maxHeaderSize: MAX_HEADER_BYTES,
    });
    outgoing.once('socket', () => socket.once('data', onFirstByte));
    outgoing.on('error', (error) => reject(requestFailure(error)));
    const closed = (): void => reject(fail('protocol', 'The connection was closed before an answer came'));
    const answered = (response: IncomingMessage): void => {
      outgoing.removeListener('close', closed);
      resolve(httpResponse(response, method));
    };
    outgoing.once('close', closed);
    outgoing.once('response', answered);
    // 101: the head is all there is
    outgoing.once('upgrade', answered);
    outgoing.end(body);
  });
}

function httpResponse(message: IncomingMessage, method: string): HttpResponse {
  const { statusCode: status = 0, headers, rawHeaders, httpVersion: version } = message;
  return {
    status,
    version,
    headers,
    rawHeaders,
    announcedLength: announcedLength(status, method, headers),
    body: message,
  };
}

/** As Go counts, and so blackbox_exporter. @see https://www.rfc-editor.org/rfc/rfc9112#section-6.3 */
function announcedLength(
  status: number,
  method: string,
  headers: IncomingMessage['headers'],
): number | undefined {
  const head = method === 'HEAD';
  if (!head && (status < 200 || status === 204 || status === 304)) return 0;
  if (!head && headers['transfer-encoding'] !== undefined) return undefined;
  return parseLength(headers['content-length']);
}

/** A `Content-Length`; undefined when it is none. */
export function parseLength(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function requestFailure(error: Error): Error {
  const code = errorCode(error);
  if (code === 'HPE_HEADER_OVERFLOW')
    return fail('protocol', 'The header of the answer is larger than 256 KiB');
  if (code.startsWith('HPE_')) return fail('protocol', `The answer is not HTTP (${code})`);
  if (code === '') return error;
  return brokenConnection(error, 'before an answer came');
}
