import { once } from 'node:events';
import { createGzip } from 'node:zlib';
import { CHUNK_BYTES } from './text.ts';

/** Level 1: a scrape inside a data centre wants CPU more than the last tenth of size. */
const LEVEL = 1;

/**
 * Compresses an exposition to gzip on Node's thread pool; the event loop only hands pieces over.
 * @returns pieces of at most 64 KiB, one gzip member in all
 */
export async function gzip(chunks: readonly Buffer[]): Promise<readonly Buffer[]> {
  const stream = createGzip({ level: LEVEL, chunkSize: CHUNK_BYTES });
  const compressed: Buffer[] = [];
  stream.on('data', (piece: Buffer) => compressed.push(piece));
  const ended = once(stream, 'end');
  for (const chunk of chunks) if (!stream.write(chunk)) await once(stream, 'drain');
  stream.end();
  await ended;
  return compressed;
}
