import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Fnv64, fnv, FNV_START, fnvText } from '../../src/domain/fnv.ts';

/** As defined, with numbers of any size. */
function plain(bytes: Iterable<number>, bits: 32 | 64): bigint {
  const [start, prime] =
    bits === 32 ? [0x811c9dc5n, 0x01000193n] : [0xcbf29ce484222325n, 0x00000100000001b3n];
  let hash = start;
  for (const byte of bytes) hash = BigInt.asUintN(bits, (hash ^ BigInt(byte)) * prime);
  return hash;
}

describe('FNV-1a', () => {
  it('has the published values', () => {
    expect(fnvText(FNV_START, 'a') >>> 0).toBe(0xe40c292c);
    expect(fnvText(FNV_START, 'foobar') >>> 0).toBe(0xbf9cf968);
    const hash = new Fnv64();
    hash.text('foobar');
    expect(hash.digest()).toBe('85944171f73967e8');
  });

  it('of 32 bits is as defined, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(BigInt(bytes.reduce((hash, byte) => fnv(hash, byte), FNV_START) >>> 0)).toBe(plain(bytes, 32));
      }),
    );
  });

  it('of 64 bits is as defined, for the UTF-8 bytes of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const hash = new Fnv64();
        hash.text(text);
        expect(hash.digest()).toBe(plain(Buffer.from(text), 64).toString(16).padStart(16, '0'));
      }),
    );
  });
});
