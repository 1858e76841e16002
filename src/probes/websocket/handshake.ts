import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { headerValue, headerValues, HeadReader, type Head } from '../http/http1/head.ts';
import { fail } from '../net/failure.ts';
import { brokenConnection } from '../net/socket-errors.ts';
import { requireSendable } from '../net/wire-text.ts';

/**
 * The answer's key is derived from this and the request's key.
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-1.3
 */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

export interface HandshakeRequest {
  /** Connected, TLS included. */
  readonly socket: Socket;
  /** Path and query. */
  readonly path: string;
  /** Names and values, alternating, including `Host`. */
  readonly headers: readonly string[];
}

/** The answer to the upgrade request, and whether it accepts. */
export interface HandshakeAnswer {
  readonly status: number;
  /** Why the connection was not switched to WebSocket. */
  readonly refusal: string | undefined;
}

/**
 * Requests WebSocket over its own connection. What the server sends after its answer stays on the socket, which is
 * paused.
 * @throws ProbeFailure without a valid HTTP answer
 * @see https://www.rfc-editor.org/rfc/rfc6455#section-4.1
 */
export async function performHandshake({
  socket,
  path,
  headers,
}: HandshakeRequest): Promise<HandshakeAnswer> {
  const key = randomBytes(16).toString('base64');
  const fields = [
    ...headers,
    ...['Upgrade', 'websocket', 'Connection', 'Upgrade'],
    ...['Sec-WebSocket-Key', key, 'Sec-WebSocket-Version', '13'],
  ];
  requireSendable({ method: 'GET', path, headers: fields });
  const lines = fields.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${fields[i + 1] ?? ''}\r\n`] : []));
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1');
  const head = await readHead(socket);
  return { status: head.status, refusal: refusalOf(head, key) };
}

function readHead(socket: Socket): Promise<Head> {
  const heads = new HeadReader();
  return new Promise((resolve, reject) => {
    const doing = 'before a response was received';
    const onEnd = (): void => settle(() => reject(fail('protocol', `The connection was closed ${doing}`)));
    const onError = (error: unknown): void => settle(() => reject(brokenConnection(error, doing)));
    const onData = (bytes: Buffer): void => {
      try {
        const read = heads.push(bytes);
        if (read === undefined) return;
        settle(() => resolve(read.head));
        if (read.rest.length > 0) socket.unshift(read.rest);
      } catch (error) {
        settle(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    };
    const settle = (end: () => void): void => {
      socket.pause();
      socket.removeListener('data', onData);
      socket.removeListener('end', onEnd);
      socket.removeListener('close', onEnd);
      socket.removeListener('error', onError);
      end();
    };
    socket.on('data', onData);
    socket.on('end', onEnd);
    socket.on('close', onEnd);
    socket.on('error', onError);
  });
}

function refusalOf({ status, headers }: Head, key: string): string | undefined {
  if (status !== 101) return `HTTP status ${status}, expected 101`;
  const wrong = (name: string, expected: string): string =>
    `The 101 response has no "${name}: ${expected}", so it does not switch to WebSocket`;
  if (!hasToken(headers, 'upgrade', 'websocket')) return wrong('Upgrade', 'websocket');
  if (!hasToken(headers, 'connection', 'upgrade')) return wrong('Connection', 'Upgrade');
  const accept = createHash('sha1').update(`${key}${GUID}`).digest('base64');
  if (headerValue(headers, 'sec-websocket-accept') === accept) return undefined;
  return 'Sec-WebSocket-Accept does not match the key that was sent: the responder does not speak WebSocket';
}

function hasToken(headers: readonly string[], name: string, token: string): boolean {
  return headerValues(headers, name).some((value) =>
    value
      .toLowerCase()
      .split(/[\s,]+/)
      .includes(token),
  );
}
