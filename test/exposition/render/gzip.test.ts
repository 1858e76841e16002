import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { crc32, createGunzip, gunzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { combineCrc } from '../../../src/exposition/render/crc.ts';
import { CHUNK_BYTES, Deflater, gzipMember, toChunks } from '../../../src/exposition/render/gzip.ts';

const anyPage = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc.tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.nat(9_000)).map(([text, n]) => text.repeat(n)),
);

async function gzip(pages: readonly (string | Uint8Array)[]): Promise<Buffer> {
  const deflater = new Deflater();
  const deflated = await Promise.all(pages.map((page) => deflater.deflate(inPieces(page))));
  return Buffer.concat([...gzipMember(deflated)]);
}

/** A page as it arrives: in one piece or several. */
function inPieces(page: string | Uint8Array): readonly Buffer[] {
  const whole = Buffer.from(page);
  const middle = whole.length >> 1;
  return whole.length % 2 === 0 ? [whole] : [whole.subarray(0, middle), whole.subarray(middle)];
}

const PAGES = Array.from({ length: 16 }, (_, page) =>
  Array.from({ length: 2_300 }, (_unused, i) => `metric{page="${page}",i="${i}"} ${i * 31}\n`).join(''),
);
const WHOLE = PAGES.join('');

describe('the combined CRC of two texts', () => {
  it('equals the CRC of their concatenation', () => {
    fc.assert(
      fc.property(anyPage, anyPage, (one, other) => {
        const [first, second] = [Buffer.from(one), Buffer.from(other)];
        const both = combineCrc(crc32(first), crc32(second), second.length);
        expect(both).toBe(crc32(Buffer.concat([first, second])));
      }),
    );
  });
});

describe('pages compressed one by one', () => {
  it('are one gzip member, for any content', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyPage, { maxLength: 6 }), async (pages) => {
        const whole = Buffer.concat(pages.map((page) => Buffer.from(page)));
        expect(gunzipSync(await gzip(pages)).equals(whole)).toBe(true);
      }),
    );
  });

  it('can be combined in another order, and again', async () => {
    const deflater = new Deflater();
    const pages = await Promise.all(PAGES.slice(0, 3).map((page) => deflater.deflate(inPieces(page))));
    const [a, b, c] = pages;
    if (!a || !b || !c) throw new Error('three pages');
    for (const order of [
      [c, a, b, a],
      [b, b, b],
    ]) {
      const expected = order.map((page) => PAGES[pages.indexOf(page)] ?? '').join('');
      expect(gunzipSync(Buffer.concat([...gzipMember(order)])).toString()).toBe(expected);
    }
  });

  it('are hardly larger than when compressed together', async () => {
    const alone = (await gzip(PAGES)).length;
    const together = (await gzip([WHOLE])).length;
    expect(alone).toBeLessThan(together * 1.1);
  });

  it('are read completely by the gzip command', async () => {
    const { stdout, status } = spawnSync('gzip', ['-dc'], { input: await gzip(PAGES), maxBuffer: 1e8 });
    expect([status, stdout.toString() === WHOLE]).toEqual([0, true]);
    expect(spawnSync('gzip', ['-t'], { input: await gzip(PAGES) }).status).toBe(0);
  });

  it('are read completely by a stream of Node, which sees no second member', async () => {
    const gunzip = createGunzip();
    let [text, members] = ['', 0];
    gunzip.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    const ended = once(gunzip, 'end');
    const bytes = await gzip(PAGES);
    for (let at = 0; (at = bytes.indexOf(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0]), at)) !== -1; at += 1)
      members += 1;
    gunzip.end(bytes);
    await ended;
    expect([text === WHOLE, members]).toEqual([true, 1]);
  });

  it('are read completely by curl and by fetch', async () => {
    const body = await gzip(PAGES);
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const { execFile } = await import('node:child_process');
    const byCurl = await new Promise<string>((resolve, reject) => {
      execFile('curl', ['-sS', '--compressed', url], { maxBuffer: 1e8 }, (error, stdout) =>
        error ? reject(new Error(`curl: ${error.message}`)) : resolve(stdout),
      );
    });
    const byFetch = await (await fetch(url)).text();
    server.closeAllConnections();
    server.close();
    expect([byCurl === WHOLE, byFetch === WHOLE]).toEqual([true, true]);
  });
});

describe('chunks', () => {
  it('are at most 64 KiB, and together equal their input', () => {
    const sizes = fc.array(fc.oneof(fc.nat(200_000), fc.nat(100), fc.constant(CHUNK_BYTES)), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(sizes, (lengths) => {
        const pieces = lengths.map((length, i) => Buffer.alloc(length, i + 1));
        const chunks = toChunks(pieces);
        expect(Math.max(0, ...chunks.map((chunk) => chunk.length))).toBeLessThanOrEqual(CHUNK_BYTES);
        expect(chunks.every((chunk) => chunk.length > 0)).toBe(true);
        expect(Buffer.concat([...chunks]).equals(Buffer.concat(pieces))).toBe(true);
      }),
    );
  });
});
