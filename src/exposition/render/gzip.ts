import { constants, crc32, createDeflateRaw, type DeflateRaw } from 'node:zlib';
import { combineCrc } from './crc.ts';

/** Upper bound of a chunk: small enough for a socket to accept quickly and to notice a closed connection soon. */
export const CHUNK_BYTES = 64 * 1024;

/** Level 1: within a data centre CPU costs more than the last tenth of size. */
const LEVEL = 1;
/** Longer pieces are not copied to be joined with their neighbours. */
const LARGE_PIECE = 16 * 1024;
/** Shorter input is compressed synchronously: handing it to the thread pool would cost more. */
const SHORT = 512;

/** A part of a gzip member: deflate blocks that end on a byte boundary and refer to nothing before them. */
export interface Deflated {
  readonly bytes: Buffer;
  /** Of the uncompressed part. */
  readonly crc: number;
  readonly length: number;
}

/** Compresses parts one after the other on Node's thread pool, with one zlib state for all of them. */
export class Deflater {
  #stream: DeflateRaw | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES);

  /** @param pieces of the part; they must stay unchanged until this is fulfilled */
  async deflate(pieces: readonly Buffer[]): Promise<Deflated> {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const crc = pieces.reduce((so, piece) => crc32(piece, so), 0);
    if (length < SHORT) return { bytes: storedBlock(Buffer.concat(pieces)), crc, length };
    const written = this.#turn.then(() => this.#write(this.#joined(pieces, length)));
    this.#turn = written.catch(() => undefined);
    return { bytes: await written, crc, length };
  }

  /** Copies pieces into one buffer that is reused for every part: memory allocated outside the heap triggers collections. */
  #joined(pieces: readonly Buffer[], length: number): Buffer {
    const [only] = pieces;
    if (pieces.length === 1 && only !== undefined) return only;
    if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafeSlow(length);
    let at = 0;
    for (const piece of pieces) at += piece.copy(this.#scratch, at);
    return this.#scratch.subarray(0, length);
  }

  #write(page: Buffer): Promise<Buffer> {
    const stream = (this.#stream ??= createStream());
    return new Promise((resolve, reject) => {
      stream.write(page, (error) => {
        if (error) {
          this.#stream = undefined;
          reject(error);
        } else {
          const bytes: unknown = stream.read();
          // a copy: zlib returns a view of a larger buffer, which would stay allocated with it
          resolve(Buffer.isBuffer(bytes) ? Buffer.from(bytes) : Buffer.alloc(0));
        }
      });
    });
  }
}

/**
 * Joins parts to one gzip member (of several members, curl and browsers read only the first).
 * @returns chunks of at most 64 KiB
 * @see https://www.rfc-editor.org/rfc/rfc1952
 */
export function gzipMember(pages: readonly Deflated[]): readonly Buffer[] {
  let crc = 0;
  let length = 0;
  for (const page of pages) {
    crc = combineCrc(crc, page.crc, page.length);
    length += page.length;
  }
  // deflate, no name, no time, fastest, unknown system
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
  // an empty last block, then CRC and length
  const trailer = Buffer.from([3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  trailer.writeUInt32LE(crc, 2);
  trailer.writeUInt32LE(length % 2 ** 32, 6);
  return toChunks([header, ...pages.map(({ bytes }) => bytes), trailer]);
}

/** Cuts pieces to chunks of at most 64 KiB and joins small ones; only those are copied. */
export function toChunks(pieces: readonly Buffer[]): readonly Buffer[] {
  const chunks: Buffer[] = [];
  let small: Buffer[] = [];
  let bytes = 0;
  const flush = () => {
    const [only] = small;
    if (only !== undefined) chunks.push(small.length === 1 ? only : Buffer.concat(small, bytes));
    small = [];
    bytes = 0;
  };
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += CHUNK_BYTES) {
      const part = piece.length > CHUNK_BYTES ? piece.subarray(from, from + CHUNK_BYTES) : piece;
      if (part.length >= LARGE_PIECE || bytes + part.length > CHUNK_BYTES) flush();
      small.push(part);
      bytes += part.length;
      if (part.length >= LARGE_PIECE) flush();
    }
  }
  flush();
  return chunks;
}

function createStream(): DeflateRaw {
  const stream = createDeflateRaw({
    level: LEVEL,
    chunkSize: CHUNK_BYTES,
    // a full flush after every part: it ends on a byte boundary and the next one refers to nothing before it
    flush: constants.Z_FULL_FLUSH,
    // output is read as it is written, so that the stream never waits for a reader
    ...{ readableHighWaterMark: Number.MAX_SAFE_INTEGER },
  });
  stream.on('error', () => undefined);
  return stream;
}

/** A deflate block that is not compressed; up to 65,535 bytes. */
function storedBlock(bytes: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt16LE(bytes.length, 1);
  header.writeUInt16LE(~bytes.length & 0xffff, 3);
  return Buffer.concat([header, bytes]);
}
