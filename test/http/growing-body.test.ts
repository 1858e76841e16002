import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { GrowingBody, SMALL_BYTES } from '../../src/http/growing-body.ts';

const LIMIT = 4 * SMALL_BYTES;

describe('a body that grows', () => {
  it('is what came, in a buffer of exactly its size, whatever was expected', () => {
    const size = fc.oneof(fc.nat(10), fc.nat(SMALL_BYTES), fc.constantFrom(SMALL_BYTES, SMALL_BYTES + 1));
    fc.assert(
      fc.property(fc.array(size, { maxLength: 4 }), fc.boolean(), (sizes, known) => {
        const chunks = sizes.map((length, i) => new Uint8Array(length).fill(i + 1));
        const whole = Buffer.concat(chunks);
        const body = new GrowingBody(known ? whole.length : 0);
        for (const chunk of chunks) body.append(chunk, LIMIT + 4);
        const bytes = body.finish();
        expect(Buffer.compare(bytes, whole)).toBe(0);
        expect([bytes.byteOffset, bytes.buffer.byteLength]).toEqual([0, whole.length]);
      }),
    );
  });

  it('becomes larger where it is, and is empty at once when it is dropped', () => {
    const body = new GrowingBody(0);
    body.append(new Uint8Array(SMALL_BYTES + 1).fill(1), LIMIT);
    const { buffer } = body.finish();
    body.append(new Uint8Array(SMALL_BYTES).fill(2), LIMIT);
    expect(body.finish().buffer).toBe(buffer);
    expect(buffer.byteLength).toBe(2 * SMALL_BYTES + 1);
    body.free();
    body.free();
    expect(buffer.byteLength).toBe(0);
  });

  it('can be handed to another thread, and dropped without harm then', () => {
    const body = new GrowingBody(0);
    body.append(new Uint8Array(SMALL_BYTES + 1).fill(7), LIMIT);
    const bytes = body.finish();
    const there = structuredClone(bytes, { transfer: [bytes.buffer] });
    body.free();
    expect([bytes.length, there.length, there.at(-1)]).toEqual([0, SMALL_BYTES + 1, 7]);
  });
});
