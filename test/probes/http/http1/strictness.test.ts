import { describe, expect, it } from '@jest/globals';
import { ChunkReader } from '../../../../src/probes/http/http1/chunk-reader.ts';
import { bodyFraming } from '../../../../src/probes/http/http1/framing.ts';
import { HeadReader, parseHead } from '../../../../src/probes/http/http1/head.ts';

const headers = (lines: string) => parseHead(`HTTP/1.1 200 OK\r\n${lines}\r\n`).headers;

describe('a head', () => {
  it.each<[string, number, string]>([
    ['HTTP/1.1 200 OK', 200, '1.1'],
    ['HTTP/1.0 404', 404, '1.0'],
    ['HTTP/1.1 200 ', 200, '1.1'],
    ['HTTP/1.1  503 Two spaces', 503, '1.1'],
    ['HTTP/2.0 200 OK', 200, '2.0'],
  ])('begins with %j', (line, status, version) => {
    expect(parseHead(`${line}\r\n\r\n`)).toEqual({ status, version, headers: [] });
    expect(parseHead(`${line}\n\n`)).toEqual({ status, version, headers: [] });
  });

  it.each([
    'HTTP/1.1',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 200OK',
    'HTTP/11 200 OK',
    'HTTP/1.1 2x0 No',
  ])('does not begin with %j', (line) => {
    expect(() => parseHead(`${line}\r\n\r\n`)).toThrow('its first line is not a status line');
  });

  it.each<[string, readonly string[]]>([
    ['A: b\r\n', ['a', 'b']],
    ['A:b\nC: d\n', ['a', 'b', 'c', 'd']],
    ['A:  b \t\r\n', ['a', 'b']],
    ['A:\r\n', ['a', '']],
    ['A: b\r\n  c\r\n\td\r\n', ['a', 'b c d']],
    ['A: 1\r\na: 2\r\n', ['a', '1', 'a', '2']],
    ['A B: c\r\n', ['a b', 'c']],
    [': nameless\r\n', []],
    ['A: \u00e9:\r\n', ['a', '\u00e9:']],
  ])('has the fields of %j', (lines, expected) => {
    expect(headers(lines)).toEqual(expected);
  });

  it.each([
    ['no colon\r\n', 'a header line without a name'],
    ['A\u00e9: b\r\n', 'a header line without a name'],
    [' folded: first\r\n', 'its first header line begins with white space'],
    ['A: b\0c\r\n', 'control characters'],
    ['A: b\rc\r\n', 'control characters'],
  ])('is refused for %j', (lines, why) => {
    expect(() => headers(lines)).toThrow(`The answer is not HTTP: `);
    expect(() => headers(lines)).toThrow(why);
  });

  it('is refused at its first invalid byte', () => {
    const reader = new HeadReader();
    expect(reader.push(Buffer.from('HTT'))).toBeUndefined();
    expect(() => reader.push(Buffer.from('X'))).toThrow('it does not begin with HTTP/');
  });

  it('may follow interim ones, but only a limited number', () => {
    const interim = Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: ${'x'.repeat(1_000)}\r\n\r\n`);
    const reader = new HeadReader();
    const found = reader.push(Buffer.concat([interim, interim, Buffer.from('HTTP/1.1 200 OK\r\n\r\nrest')]));
    expect(found?.head.status).toBe(200);
    expect(found?.rest.toString()).toBe('rest');
    const many = new HeadReader();
    expect(() => {
      for (let i = 0; i < 300; i += 1) many.push(interim);
    }).toThrow('larger than 256 KiB');
  });

  it('with 101 is final', () => {
    const found = new HeadReader().push(Buffer.from('HTTP/1.1 101 Switching\r\n\r\n\x01\x00'));
    expect(found?.head.status).toBe(101);
    expect(found?.rest).toHaveLength(2);
  });
});

describe('the end of a body', () => {
  const framing = (lines: string, { status = 200, method = 'GET', version = '1.1' } = {}) => {
    const { framing: end, announced } = bodyFraming(
      parseHead(`HTTP/${version} ${status} X\r\n${lines}\r\n`),
      method,
    );
    return [end, announced];
  };

  it.each<[string, Parameters<typeof framing>[1], ReturnType<typeof framing>]>([
    ['', {}, ['close', undefined]],
    ['Content-Length: 5\r\n', {}, [5, 5]],
    ['Content-Length: 5\r\nContent-Length: 5\r\n', {}, [5, 5]],
    ['Transfer-Encoding: chunked\r\n', {}, ['chunked', undefined]],
    ['Transfer-Encoding: Chunked\r\nContent-Length: 5\r\n', {}, ['chunked', undefined]],
    ['Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', { version: '1.0' }, [5, 5]],
    ['Content-Length: 5\r\n', { method: 'HEAD' }, [0, 5]],
    ['Transfer-Encoding: chunked\r\n', { method: 'HEAD' }, [0, undefined]],
    ['Content-Length: 5\r\n', { status: 204 }, [0, 0]],
    ['Content-Length: 5\r\n', { status: 304 }, [0, 0]],
    ['', { status: 101 }, [0, 0]],
  ])('after %j with %j is %j', (lines, answer, expected) => {
    expect(framing(lines, answer)).toEqual(expected);
  });

  it.each([
    ['Content-Length: 5\r\nContent-Length: 6\r\n', 'several values of Content-Length'],
    ['Content-Length: +5\r\n', 'is not a number'],
    ['Content-Length: 0x5\r\n', 'is not a number'],
    ['Content-Length:\r\n', 'is not a number'],
    ['Content-Length: 5, 5\r\n', 'is not a number'],
    ['Transfer-Encoding: gzip, chunked\r\n', 'other than chunked'],
    ['Transfer-Encoding: gzip\r\n', 'other than chunked'],
    ['Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', 'other than chunked'],
  ])('cannot be determined after %j', (lines, why) => {
    expect(() => framing(lines)).toThrow(why);
  });
});

describe('chunks', () => {
  const read = (text: string) => {
    let content = '';
    const ended = new ChunkReader().push(Buffer.from(text, 'latin1'), (part) => {
      content += part.toString('latin1');
    });
    return ended ? content : undefined;
  };

  it.each<[string, string | undefined]>([
    ['0\r\n\r\n', ''],
    ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['00005;name="va;lue"\r\nhello\r\n0\r\n\r\nnext', 'hello'],
    ['5 \r\nhello\r\n0\r\nX: y\r\n\r\n', 'hello'],
    ['A\r\n0123456789\r\n0\r\n\r\n', '0123456789'],
    ['5\r\nhel', undefined],
    ['5\r\nhello\r\n0\r\n', undefined],
    ['5\r\nhello\r\n0\r\nX: y\r\n', undefined],
  ])('%j are %j', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    'ZZ\r\n',
    '-1\r\n',
    '0x5\r\n',
    '\r\n',
    '5\nhello\r\n0\r\n\r\n',
    '5\r\nhello\n0\r\n\r\n',
    '5\r\nhelloX0\r\n\r\n',
    'FFFFFFFFFFFFFFFFF\r\n',
    `5;${'x'.repeat(5_000)}\r\n`,
    `0\r\nX: ${'y'.repeat(5_000)}\r\n\r\n`,
  ])('%j are refused', (text) => {
    expect(() => read(text)).toThrow('The body is not chunked');
  });

  it('may not consist almost entirely of overhead', () => {
    expect(() => read(`1;${'x'.repeat(1_000)}\r\na\r\n`.repeat(20))).toThrow('too small');
    expect(read(`${'1\r\na\r\n'.repeat(20_000)}0\r\n\r\n`)).toHaveLength(20_000);
  });
});
