import type {
  ClientHttp2Stream,
  IncomingHttpHeaders,
  IncomingHttpStatusHeader,
  OutgoingHttpHeaders,
} from 'node:http2';
import type { Socket } from 'node:net';
import { orAborted, type CancelSignal } from '../../domain/cancellation.ts';
import { errorCode } from '../net/error-fields.ts';
import { OneRequestSession } from '../net/http2-session.ts';
import { MAX_ANSWER_BYTES, tooLong } from './messages.ts';
import { codeOfHttp, codeOfReset, INTERNAL, UNAVAILABLE, UNKNOWN } from './status.ts';

export interface Call {
  /** Connected; over TLS, with `h2` negotiated. It is destroyed at the end. */
  readonly socket: Socket;
  readonly secure: boolean;
  readonly authority: string;
  readonly path: string;
  readonly metadata: OutgoingHttpHeaders;
  /** The request with its frame prefix. */
  readonly request: Buffer;
  readonly timeoutMs: number;
  readonly signal: CancelSignal;
}

/** How a call ended: by the server's status, or by gRPC's rules from what happened to the connection. */
export interface CallEnd {
  readonly code: number;
  /** The explanation, the server's or Tocsin's. */
  readonly message: string;
  /** All frames of the answer. */
  readonly body: Buffer;
  /** Whether the server spoke gRPC at all. */
  readonly spoken: boolean;
  /** The server refused the call before processing it; it may be repeated, over another connection. */
  readonly refused?: boolean;
}

/**
 * One unary call over HTTP/2. The connection is used for this call only and is always destroyed with it. Rejects when
 * the signal aborts, and with a ProbeFailure when the server sends far more than an answer; every other end is
 * returned.
 * @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export async function unaryCall(call: Call): Promise<CallEnd> {
  call.signal.throwIfAborted();
  const connection = new OneRequestSession(call.socket);
  try {
    return await orAborted(exchange(connection, call), call.signal);
  } finally {
    connection.session.destroy();
    call.socket.destroy();
  }
}

function exchange(connection: OneRequestSession, call: Call): Promise<CallEnd> {
  const { session } = connection;
  return new Promise((resolve, reject) => {
    const ended = (end: CallEnd): void => {
      if (connection.flood !== undefined) reject(connection.flood);
      else resolve(connection.hasRefused(stream) ? { ...end, refused: true } : end);
    };
    const broken = (error?: unknown): void => ended(connectionLost(error));
    session.once('close', () => broken());
    // never removed: a later error must not throw
    session.on('error', broken);
    const stream = connection.request({
      ...call.metadata,
      ':method': 'POST',
      ':scheme': call.secure ? 'https' : 'http',
      ':authority': call.authority,
      ':path': call.path,
      te: 'trailers',
      'content-type': 'application/grpc',
      'user-agent': 'tocsin',
      'grpc-timeout': `${Math.max(1, Math.min(99_999_999, Math.ceil(call.timeoutMs)))}m`,
    });
    void answerOf(stream).then(ended);
    stream.end(call.request);
  });
}

type ResponseHeaders = IncomingHttpHeaders & IncomingHttpStatusHeader;

function answerOf(stream: ClientHttp2Stream): Promise<CallEnd> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let size = 0;
    let headers: ResponseHeaders | undefined;
    let trailers: IncomingHttpHeaders | undefined;
    stream.on('response', (given) => {
      headers = given;
    });
    stream.on('trailers', (given: IncomingHttpHeaders) => {
      trailers = given;
    });
    stream.on('data', (piece: Buffer) => {
      size += piece.length;
      pieces.push(piece);
      if (tooLong(size)) stream.destroy();
    });
    let failed: unknown;
    stream.on('error', (error: unknown) => {
      failed = error;
    });
    stream.once('close', () => {
      if (tooLong(size)) resolve(overlong());
      else if (headers !== undefined || wasReset(failed, stream))
        resolve(callEndOf({ headers, trailers, body: Buffer.concat(pieces), reset: stream.rstCode }));
      else resolve(connectionLost(failed));
    });
  });
}

function overlong(): CallEnd {
  const message = `the answer is longer than ${MAX_ANSWER_BYTES} bytes`;
  return { code: INTERNAL, message, body: Buffer.alloc(0), spoken: false };
}

/** Whether the server reset the stream, as opposed to a stream that was lost with its connection. */
function wasReset(failed: unknown, stream: ClientHttp2Stream): boolean {
  return (
    errorCode(failed) === 'ERR_HTTP2_STREAM_ERROR' &&
    stream.rstCode !== 0 &&
    stream.session?.destroyed !== true
  );
}

/** With or without the message format. */
const GRPC_TYPE = /^application\/grpc(?:$|[+;])/i;

interface Received {
  readonly headers: ResponseHeaders | undefined;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: Buffer;
  readonly reset: number;
}

/** The status of an answer: from its trailers, or from its headers if it has nothing else (Trailers-Only). */
function callEndOf({ headers = {}, trailers, body, reset }: Received): CallEnd {
  const status = headers[':status'];
  const type = headers['content-type'];
  const fields = trailers ?? headers;
  const raw = fields['grpc-status'];
  // regardless of its grpc-status, as in grpc-go
  if (status !== undefined && (status !== 200 || !GRPC_TYPE.test(type ?? ''))) {
    const what = status === 200 ? `content type ${type ?? 'none'}` : `status ${status}`;
    return { code: codeOfHttp(status), message: `HTTP ${what}`, body, spoken: false };
  }
  if (raw !== undefined && /^\d{1,10}$/.test(String(raw)))
    return { code: Number(raw), message: decoded(fields['grpc-message']), body, spoken: true };
  if (reset !== 0)
    return { code: codeOfReset(reset), message: `the stream was reset (error ${reset})`, body, spoken: true };
  if (trailers !== undefined) return { code: UNKNOWN, message: 'no grpc-status', body, spoken: false };
  return { code: INTERNAL, message: 'the stream ended without trailers', body, spoken: false };
}

const MAX_MESSAGE = 200;

/** `grpc-message` is percent-encoded; an invalid one is shown as received. */
function decoded(message: string | readonly string[] | undefined): string {
  const text = message === undefined ? '' : String(message);
  try {
    return decodeURIComponent(text).slice(0, MAX_MESSAGE);
  } catch {
    return text.slice(0, MAX_MESSAGE);
  }
}

function connectionLost(error: unknown): CallEnd {
  const code = errorCode(causeOf(error));
  const other = code.startsWith('ERR_HTTP2') && code !== 'ERR_HTTP2_STREAM_CANCEL';
  const message = other ? 'the server does not speak HTTP/2' : 'the connection was closed';
  return { code: UNAVAILABLE, message, body: Buffer.alloc(0), spoken: false };
}

/** Streams that end with their session are reported as cancelled; the reason is in the cause. */
function causeOf(error: unknown): unknown {
  if (errorCode(error) !== 'ERR_HTTP2_STREAM_CANCEL' || typeof error !== 'object' || error === null)
    return error;
  return Reflect.get(error, 'cause') ?? error;
}
