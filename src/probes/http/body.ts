import { errorCode } from '../net/error-fields.ts';
import { fail, ProbeFailure } from '../net/failure.ts';
import { brokenConnection } from '../net/socket-errors.ts';
import { sourceStream, streamSource, type BodySource } from './body-source.ts';
import { decompressed, type Compression } from './compression.ts';

export interface BodyOptions {
  /** The number of bytes that are kept from the beginning. */
  readonly keep: number;
  /** The most bytes it may have, after decompression; 0: no limit. */
  readonly limit: number;
  readonly compression?: Compression | undefined;
}

/** The result of reading an answer's body. */
export interface Body {
  /** Bytes, after decompression; never more than the limit. */
  readonly length: number;
  /** The first `keep` bytes. */
  readonly start: Buffer;
  /** Present when it was not read to its end. */
  readonly problem?: ProbeFailure;
}

/** Whether only a part of the body was kept. */
export function isCut({ start, length }: Body): boolean {
  return length > start.length;
}

/** Why a rule about a body is undecided: it saw only a part. */
export function cutOff({ length }: Body, why: string, limit: number): string {
  return `The body has ${length} bytes, of which the rules see the first ${limit} (body_match_limit): ${why}`;
}

/** Reads a body to its end; never rejects. The caller destroys the connection. */
export function readBody(source: BodySource, { keep, limit, compression }: BodyOptions): Promise<Body> {
  return new Promise((resolve) => {
    const kept: Buffer[] = [];
    let keptLength = 0;
    let length = 0;
    let over = false;
    const plain = compression === undefined || compression === 'identity';
    const content = plain ? source : streamSource(decompressed(sourceStream(source), compression));
    const end = (problem?: ProbeFailure): void => {
      over = true;
      resolve({ length, start: Buffer.concat(kept), ...(problem === undefined ? {} : { problem }) });
    };
    content.read({
      data: (chunk) => {
        // one segment may hold thousands of chunks beyond the limit
        if (over) return;
        length += chunk.length;
        if (keptLength < keep) {
          const part = chunk.subarray(0, keep - keptLength);
          kept.push(part);
          keptLength += part.length;
        }
        if (limit > 0 && length > limit) {
          content.pause();
          length = limit;
          end(fail('body', `The body is larger than body_size_limit (${limit} bytes)`));
        }
      },
      end: () => end(plain || length > 0 ? undefined : notCompressed(compression)),
      failed: (error) => end(bodyFailure(error, compression)),
    });
  });
}

function bodyFailure(error: unknown, compression: Compression | undefined): ProbeFailure {
  if (error instanceof ProbeFailure) return error;
  const code = errorCode(error);
  if (code.startsWith('Z_') || (code.startsWith('ERR_') && code.includes('BROTLI')))
    return notCompressed(compression);
  if (code.startsWith('ERR__ERROR_FORMAT')) return notCompressed(compression);
  return brokenConnection(error, 'while the body was read');
}

function notCompressed(compression = 'identity'): ProbeFailure {
  return fail('body', `The body cannot be decompressed: it is not ${compression}, or truncated`);
}
