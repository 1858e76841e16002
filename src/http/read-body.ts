import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { BodyError, type BodyBudget, type BodyReservation } from './body-budget.ts';
import { GrowingBody, SMALL_BYTES } from './growing-body.ts';

interface ReadOptions {
  readonly limit: number;
  readonly budget: BodyBudget;
  readonly address: string;
  /** Whether the sender presented a token: its announced length is trusted. */
  readonly authenticated: boolean;
  /** Receives the bytes as they arrive. */
  readonly onBytes?: (bytes: Uint8Array) => void;
}

/** A body, and the share of the budget that it holds until `reservation.release` is called. */
export interface ReadBody {
  readonly bytes: Uint8Array;
  readonly reservation: BodyReservation;
  /** Frees the memory of a body that is rejected. */
  readonly freeMemory: () => void;
}

/**
 * Reads a body into a single buffer of its own, which can be transferred to another thread: chunks are not joined at
 * the end, which for 30 MB would block the event loop. The memory of a body that is not read to its end is freed at once.
 * @throws BodyError 413 beyond `limit`, 503 beyond the budget or when it lost its place, 415 for an unknown encoding,
 * 400 when its client disconnected or the body is not encoded as declared
 */
export async function readBody(request: IncomingMessage, options: ReadOptions): Promise<ReadBody> {
  const { limit, budget, address, authenticated, onBytes } = options;
  const encoding = request.headers['content-encoding'] ?? 'identity';
  const declared = Number(request.headers['content-length']);
  const known = encoding === 'identity' && Number.isSafeInteger(declared);
  if (known && declared > limit) throw tooLarge(limit);
  const upload: Upload = { request, content: decompressed(request, encoding), onRevoked: undefined };
  const reservation = budget.reserve(address, () => upload.onRevoked?.());
  const body = new GrowingBody(known && (authenticated || declared < SMALL_BYTES) ? declared : 0);
  try {
    await eachChunk(upload, (chunk) => {
      const end = body.length + chunk.byteLength;
      if (end > limit) throw tooLarge(limit);
      reservation.grow(end);
      onBytes?.(chunk);
      body.append(chunk, limit);
    });
    reservation.uploading = false;
    return { bytes: body.finish(), reservation, freeMemory: () => body.free() };
  } catch (error) {
    reservation.release();
    body.free();
    throw error;
  }
}

/** @throws BodyError 415 */
function decompressed(request: IncomingMessage, encoding: string): Readable {
  switch (encoding.toLowerCase()) {
    case 'identity':
      return request;
    case 'gzip':
    case 'x-gzip':
      return request.pipe(createGunzip());
    case 'deflate':
      return request.pipe(createInflate());
    case 'br':
      return request.pipe(createBrotliDecompress());
    default:
      throw new BodyError(
        415,
        `The Content-Encoding "${encoding}" is not supported; expected gzip, deflate, br or none.`,
      );
  }
}

interface Upload {
  readonly request: IncomingMessage;
  /** The decompressed body. */
  readonly content: Readable;
  /** Called when the upload loses its place. Not an AbortSignal: with thousands of deliveries a second its cost counts. */
  onRevoked: (() => void) | undefined;
}

function eachChunk(upload: Upload, take: (chunk: Uint8Array) => void): Promise<void> {
  const { request, content } = upload;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      content.off('data', onData);
      request.pause();
      if (content !== request) content.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onData = (chunk: Uint8Array) => {
      try {
        take(chunk);
      } catch (error) {
        fail(error);
      }
    };
    content.on('data', onData);
    content.once('end', resolve);
    if (content !== request) content.once('error', () => fail(wronglyEncoded()));
    request.once('error', () => fail(clientDisconnected()));
    request.once('close', () => {
      if (!request.complete) fail(clientDisconnected());
    });
    upload.onRevoked = () => fail(reservationRevoked());
  });
}

function wronglyEncoded(): BodyError {
  return new BodyError(400, 'The body does not match its Content-Encoding.');
}

function clientDisconnected(): BodyError {
  return new BodyError(400, 'The client disconnected before the body was complete.');
}

function reservationRevoked(): BodyError {
  return new BodyError(
    503,
    'The upload was aborted to make room for others: it stalled, or its address holds the most memory.',
  );
}

function tooLarge(limit: number): BodyError {
  return new BodyError(413, `The body is larger than ${limit} bytes.`);
}
