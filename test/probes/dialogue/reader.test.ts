import { PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_LINE_BYTES, SocketReader } from '../../../src/probes/dialogue/reader.ts';

/** A reader needs no more of a socket than any stream has. */
function reading(chunks: readonly Buffer[]): SocketReader {
  const stream = new PassThrough();
  const reader = new SocketReader(stream as unknown as Socket);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return reader;
}

/** A text split into segments. */
function cut(text: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...new Set(at.map((n) => n % (text.length + 1)))].sort((a, b) => a - b);
  return [...ends, text.length]
    .map((end, i) => text.subarray(ends[i - 1] ?? 0, end))
    .filter((part) => part.length > 0);
}

const line = fc
  .string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '\r') })
  .map((text) => text.replace(/\r+$/, ''));

describe('reading a connection', () => {
  it('returns the lines of any text, however it is split', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line),
        fc.array(fc.nat()),
        fc.constantFrom('\n', '\r\n'),
        async (lines, at, end) => {
          const reader = reading(cut(Buffer.from(lines.map((one) => `${one}${end}`).join('')), at));
          for (const one of lines) expect(await reader.line()).toBe(one);
          expect(await reader.line()).toBeUndefined();
        },
      ),
    );
  });

  it('loses nothing between lines and bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        line,
        fc.uint8Array({ maxLength: 40 }),
        line,
        fc.array(fc.nat()),
        async (one, bytes, other, at) => {
          const text = Buffer.concat([Buffer.from(`${one}\n`), bytes, Buffer.from(`${other}\n`)]);
          const reader = reading(cut(text, at));
          expect(await reader.line()).toBe(one);
          expect([...(await reader.bytes(bytes.length))]).toEqual([...bytes]);
          expect(await reader.line()).toBe(other);
        },
      ),
    );
  });

  it.each([
    ['the last line without a line ending', 'a\nb', ['a', 'b', undefined]],
    ['an empty line', '\n\r\n', ['', '', undefined]],
    ['an empty text', '', [undefined]],
    ['a carriage return in the middle', 'a\rb\n', ['a\rb', undefined]],
  ])('reads %s', async (_what, text, expected) => {
    const reader = reading(text === '' ? [] : [Buffer.from(text)]);
    for (const one of expected) expect(await reader.line()).toBe(one);
  });

  it('returns what has arrived when the stream ends before all bytes have', async () => {
    const reader = reading([Buffer.from('abc')]);
    expect((await reader.bytes(5)).toString()).toBe('abc');
  });

  it('refuses an endless line', async () => {
    const reader = reading([Buffer.alloc(MAX_LINE_BYTES, 'a')]);
    await expect(reader.line()).rejects.toThrow('A line of the answer is longer than 65536 bytes');
  });

  it('accepts a line just below the limit', async () => {
    const reader = reading([Buffer.alloc(MAX_LINE_BYTES - 1, 'a'), Buffer.from('\n')]);
    expect((await reader.line())?.length).toBe(MAX_LINE_BYTES - 1);
  });
});
