import type { IncomingMessage } from 'node:http';
import { fail, type ProbeFailure } from '../net/failure.ts';
import { brokenConnection } from '../net/socket-errors.ts';

export interface BodyOptions {
  /** Bytes of the beginning that are kept. */
  readonly keep: number;
  /** Bytes that it may have; 0 is any number. */
  readonly limit: number;
}

/** How reading an answer's body ended. */
export interface Body {
  /** Bytes received. */
  readonly length: number;
  /** The first `keep` bytes. */
  readonly start: Buffer;
  /** Present when it was not read to its end. */
  readonly problem?: ProbeFailure;
}

/** Reads a body to its end; never rejects. The connection is the caller's to destroy. */
export function readBody(response: IncomingMessage, { keep, limit }: BodyOptions): Promise<Body> {
  return new Promise((resolve) => {
    const kept: Buffer[] = [];
    let keptLength = 0;
    let length = 0;
    const end = (problem?: ProbeFailure): void => {
      resolve({ length, start: Buffer.concat(kept), ...(problem === undefined ? {} : { problem }) });
    };
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (keptLength < keep) {
        const part = chunk.subarray(0, keep - keptLength);
        kept.push(part);
        keptLength += part.length;
      }
      if (limit > 0 && length > limit) {
        response.pause();
        end(fail('body', `The body is larger than body_size_limit (${limit} bytes)`));
      }
    });
    response.once('end', () => end());
    response.on('error', (error) => end(brokenConnection(error, 'while the body was read')));
    response.once('close', () =>
      end(fail('protocol', 'The connection was closed before the end of the body')),
    );
  });
}
