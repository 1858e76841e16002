import { request, type IncomingMessage } from 'node:http';
import { Duplex } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BodyDecoder } from '../../../../src/probes/http/http1/body-decoder.ts';
import { bodyFraming } from '../../../../src/probes/http/http1/framing.ts';
import { HeadReader } from '../../../../src/probes/http/http1/head.ts';
import { ProbeFailure } from '../../../../src/probes/net/failure.ts';

/** How a response was read; undefined when it is refused, or ends too early. */
type Reading = { status: number; version: string; headers: string[]; body: string } | undefined;

/** How the prober reads a response that arrives in these pieces. */
function read(pieces: readonly Buffer[], method: string): Reading {
  const heads = new HeadReader();
  let found: ReturnType<HeadReader['push']>;
  let decoder: BodyDecoder | undefined;
  const content: Buffer[] = [];
  try {
    for (const piece of pieces) {
      let bytes = piece;
      if (decoder === undefined) {
        found = heads.push(piece);
        if (found === undefined) continue;
        decoder = new BodyDecoder(bodyFraming(found.head, method).framing);
        bytes = found.rest;
      }
      decoder.push(bytes, (part) => content.push(part));
    }
  } catch (error) {
    expect(error).toBeInstanceOf(ProbeFailure);
    return undefined;
  }
  if (found === undefined || decoder?.close() !== true) return undefined;
  const { status, version, headers } = found.head;
  return { status, version, headers: [...headers], body: Buffer.concat(content).toString('latin1') };
}

/** How Node's own client reads it. */
function oracle(answer: Buffer, method: string): Promise<Reading> {
  return new Promise((resolve) => {
    const socket = new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        socket.push(answer);
        socket.push(null);
        done();
      },
    });
    const outgoing = request({ createConnection: () => socket, method, maxHeaderSize: 1 << 20 });
    const take = (message: IncomingMessage) => {
      const content: Buffer[] = [];
      message.on('data', (part: Buffer) => content.push(part));
      message.on('error', () => resolve(undefined));
      message.on('end', () => {
        const headers = message.rawHeaders.map((text, i) => (i % 2 === 0 ? text.toLowerCase() : text));
        const body = Buffer.concat(content).toString('latin1');
        resolve({ status: message.statusCode ?? 0, version: message.httpVersion, headers, body });
      });
      message.on('close', () => resolve(undefined));
    };
    outgoing.on('response', take);
    outgoing.on('error', () => resolve(undefined));
    outgoing.end();
  });
}

const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}$/);
const value = fc.stringMatching(/^[!-~\u00a0-\u00ff]([ -~\u00a0-\u00ff\t]{0,20}[!-~\u00a0-\u00ff])?$/);
const spaces = fc.constantFrom('', ' ', '  ', '\t', ' \t ');
const ownName = fc.constantFrom('x', 'etag', 'set-cookie', 'x-a', 'server');
const field = fc
  .tuple(fc.oneof(token, ownName), spaces, fc.option(value), spaces)
  .filter(([name]) => !/^(?:content-length|transfer-encoding|connection|upgrade|trailer)$/i.test(name))
  .map(([name, before, text, after]) => `${name}:${before}${text ?? ''}${after}\r\n`);
const content = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** A body in chunks, with extensions and trailers. */
const chunked = fc
  .tuple(
    fc.array(
      fc.tuple(
        content.filter((text) => text !== ''),
        fc.constantFrom('', ';a', ';a=b', ';a="b c"'),
        fc.boolean(),
      ),
      { maxLength: 4 },
    ),
    fc.constantFrom('', 'X-Sum: 1\r\n', 'A: b\r\nC: d\r\n'),
  )
  .map(([chunks, trailers]) => {
    const parts = chunks.map(([text, extension, upper]) => {
      const size = text.length.toString(16);
      return `${upper ? size.toUpperCase() : `0${size}`}${extension}\r\n${text}\r\n`;
    });
    return { headers: 'Transfer-Encoding: chunked\r\n', wire: `${parts.join('')}0\r\n${trailers}\r\n` };
  });
const measured = fc
  .tuple(content, fc.integer({ min: 0, max: 3 }))
  .map(([wire, more]) => ({ headers: `Content-Length: ${wire.length + (more === 3 ? more : 0)}\r\n`, wire }));
const untilClose = content.map((wire) => ({ headers: '', wire }));

const answer = fc
  .record({
    by: fc.constantFrom('GET', 'GET', 'POST', 'HEAD'),
    interim: fc.constantFrom(
      '',
      '',
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 103 Early\r\nLink: x\r\n\r\n',
    ),
    status: fc.constantFrom(200, 204, 304, 301, 404, 500, 599),
    reason: fc.constantFrom(' OK', ' ', '', ' Not quite what was asked'),
    fields: fc.array(field, { maxLength: 6 }),
    body: fc.oneof(chunked, measured, untilClose),
  })
  .map(({ by, interim, status, reason, fields, body }) => {
    const bodyless = by === 'HEAD' || status === 204 || status === 304;
    const head = `${interim}HTTP/1.1 ${status}${reason}\r\n${fields.join('')}${body.headers}\r\n`;
    return { by, bytes: Buffer.from(head + (bodyless ? '' : body.wire), 'latin1') };
  });

describe('a response over HTTP/1.1', () => {
  it("is read as Node's client reads it", async () => {
    await fc.assert(
      fc.asyncProperty(answer, async ({ bytes, by }) => {
        expect(read([bytes], by)).toEqual(await oracle(bytes, by));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is read identically, in whatever pieces it arrives', () => {
    fc.assert(
      fc.property(answer, fc.array(fc.nat(400)), ({ bytes, by }, cuts) => {
        const whole = read([bytes], by);
        const ends = [...new Set([...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const some = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
        expect(read(some, by)).toEqual(whole);
        expect(
          read(
            [...bytes].map((byte) => Buffer.from([byte])),
            by,
          ),
        ).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused, never misread as valid, when bytes of it are damaged', () => {
    fc.assert(
      fc.property(answer, fc.nat(400), fc.nat(255), ({ bytes, by }, at, byte) => {
        const damaged = Buffer.from(bytes);
        if (damaged.length > 0) damaged[at % damaged.length] = byte;
        const whole = read([damaged], by);
        expect(
          read(
            [...damaged].map((one) => Buffer.from([one])),
            by,
          ),
        ).toEqual(whole);
      }),
      { numRuns: 1_000 },
    );
  });
});
