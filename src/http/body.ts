import type { IncomingMessage } from 'node:http';

/** A body that could not be read; `status` is how to answer. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: 400 | 413 | 503;

  constructor(status: BodyError['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** Bytes of bodies that may be held at the same time, from the first byte until what they said is on disk. */
export class BodyBudget {
  readonly #max: () => number;
  #held = 0;

  /** @param max asked at each body, so that a reload counts */
  constructor(max: () => number) {
    this.#max = max;
  }

  get held(): number {
    return this.#held;
  }

  /** @throws BodyError 503 when so many more do not fit; a single body always does */
  take(bytes: number): void {
    if (this.#held > 0 && this.#held + bytes > this.#max()) {
      throw new BodyError(
        503,
        'As many bytes of deliveries are on their way as may be held; try again soon.',
      );
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** A share of the budget, given back once. */
export class BodyShare {
  readonly #budget: BodyBudget;
  #bytes = 0;

  constructor(budget: BodyBudget) {
    this.#budget = budget;
  }

  grow(to: number): void {
    if (to <= this.#bytes) return;
    this.#budget.take(to - this.#bytes);
    this.#bytes = to;
  }

  end(): void {
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
  }
}

interface ReadOptions {
  readonly limit: number;
  readonly share: BodyShare;
  /** Sees the bytes as they come. */
  readonly onBytes?: (bytes: Uint8Array) => void;
}

const FIRST_BYTES = 64 * 1024;

/**
 * Reads a body into one buffer of its own, which can be handed to another thread: nothing is put together in the end,
 * which for 30 MB would hold up the event loop.
 * @throws BodyError 413 beyond `limit`, 503 beyond the budget, 400 when its client broke off
 */
export async function readBytes(
  request: IncomingMessage,
  { limit, share, onBytes }: ReadOptions,
): Promise<Uint8Array> {
  const declared = Number(request.headers['content-length']);
  const known = Number.isSafeInteger(declared);
  if (known && declared > limit) throw tooLarge(limit);
  let bytes = reserve(known ? declared : FIRST_BYTES, share);
  let length = 0;
  await eachChunk(request, (chunk) => {
    const end = length + chunk.byteLength;
    if (end > limit) throw tooLarge(limit);
    if (end > bytes.byteLength) bytes = grown(bytes, reserve(Math.max(end, bytes.byteLength * 2), share));
    onBytes?.(chunk);
    bytes.set(chunk, length);
    length = end;
  });
  // what was not used of a guess goes, so that the buffer is the body
  return length === bytes.byteLength ? bytes : bytes.slice(0, length);
}

function reserve(size: number, share: BodyShare): Uint8Array {
  share.grow(size);
  return new Uint8Array(size);
}

function grown(old: Uint8Array, bytes: Uint8Array): Uint8Array {
  bytes.set(old);
  return bytes;
}

function eachChunk(request: IncomingMessage, take: (chunk: Uint8Array) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      request.off('data', onData);
      request.pause();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onData = (chunk: Uint8Array) => {
      try {
        take(chunk);
      } catch (error) {
        fail(error);
      }
    };
    request.on('data', onData);
    request.once('end', resolve);
    request.once('error', () => fail(brokenOff()));
    request.once('close', () => fail(brokenOff()));
  });
}

function brokenOff(): BodyError {
  return new BodyError(400, 'The client broke off before the body was there.');
}

function tooLarge(limit: number): BodyError {
  return new BodyError(413, `The body is larger than ${limit} bytes.`);
}
