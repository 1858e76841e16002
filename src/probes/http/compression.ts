import { PassThrough, type Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

export const COMPRESSIONS = ['gzip', 'br', 'deflate', 'identity'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/**
 * Whether an `Accept-Encoding` asks for an encoding, as blackbox_exporter reads it: of the entries that name it or are
 * `*`, the one with the highest quality decides.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3
 */
export function acceptsEncoding(encoding: string, acceptEncoding: string): boolean {
  if (acceptEncoding === '') return true;
  const offers = acceptEncoding
    .split(',')
    .map(readOffer)
    .sort((a, b) => b.quality - a.quality);
  const offer = offers.find(({ name }) => name === encoding || name === '*');
  return offer !== undefined && offer.quality > 0;
}

function readOffer(text: string): { readonly name: string; readonly quality: number } {
  const at = text.lastIndexOf(';');
  if (at < 0) return { name: text.trim(), quality: 1 };
  const given = /^q\s*=\s*(\d*\.?\d+)$/i.exec(text.slice(at + 1).trim())?.[1];
  return { name: text.slice(0, at).trim(), quality: given === undefined ? 0 : Number(given) };
}

/** A decompressed body; errors of the source are passed on by the result. */
export function decompressed(source: Readable, compression: Exclude<Compression, 'identity'>): Readable {
  if (compression === 'deflate') return inflated(source);
  return piped(source, compression === 'gzip' ? createGunzip() : createBrotliDecompress());
}

function piped(source: Readable, into: Transform): Transform {
  source.on('error', (error) => into.destroy(error));
  source.once('close', () => {
    if (!source.readableEnded) into.destroy();
  });
  source.pipe(into);
  return into;
}

/** HTTP's `deflate` is the zlib format, blackbox_exporter reads raw deflate, and servers send either. */
function inflated(source: Readable): Readable {
  const out = new PassThrough();
  let started = false;
  const fail = (error?: Error): void => {
    out.destroy(error);
  };
  source.on('error', fail);
  source.once('close', () => {
    if (!source.readableEnded) fail();
  });
  source.once('end', () => {
    if (!started) out.end();
  });
  source.once('data', (first: Buffer) => {
    started = true;
    source.pause();
    const inflate = looksLikeZlib(first) ? createInflate() : createInflateRaw();
    inflate.on('error', fail);
    inflate.write(first);
    source.pipe(inflate).pipe(out);
  });
  return out;
}

/** @see https://www.rfc-editor.org/rfc/rfc1950#section-2.2 */
function looksLikeZlib([method = 0, flags]: Buffer): boolean {
  if ((method & 0x0f) !== 8 || method >> 4 > 7) return false;
  return flags === undefined || ((method << 8) | flags) % 31 === 0;
}
