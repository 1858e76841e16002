import { createServer } from 'node:http';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { httpProber } from '../../../src/probes/http.ts';
import { acceptsEncoding } from '../../../src/probes/http/compression.ts';
import { run, valueOf, verdictText } from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { listen } from '../../support/servers/tcp.ts';

const servers = new ServerSet();
afterEach(() => servers.close());

const TEXT = 'all fine '.repeat(2_000);

const serving = (body: Buffer | string) =>
  servers.http((_request, response) => {
    response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(body);
  });

describe('a compressed body', () => {
  it.each([
    ['gzip', gzipSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['deflate', deflateRawSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
    ['identity', Buffer.from(TEXT)],
    ['GZIP', gzipSync(TEXT)],
  ])('is accepted as %s', async (compression, body) => {
    const server = await serving(body);
    const result = await run(httpProber, server.url, {
      settings: { compression, fail_if_body_not_matches_regexp: ['^(all fine )+$'] },
    });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_content_length')).toBe(body.length);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(TEXT.length);
    await server.idle();
  });

  it.each(['gzip', 'br', 'deflate'])('fails when it is not %s', async (compression) => {
    const server = await serving('hello world');
    const result = await run(httpProber, server.url, { settings: { compression } });
    expect(verdictText(result)).toBe(
      `body: The body cannot be decompressed: it is not ${compression}, or truncated`,
    );
    await server.idle();
  });

  it.each([
    ['gzip', gzipSync(TEXT)],
    ['br', brotliCompressSync(TEXT)],
    ['deflate', deflateSync(TEXT)],
  ])('in %s fails when it is truncated', async (compression, body) => {
    const server = await serving(body.subarray(0, body.length - 9));
    const result = await run(httpProber, server.url, { settings: { compression } });
    expect(verdictText(result)).toContain('truncated');
  });

  it.each(['gzip', 'br', 'deflate'])('fails as %s when it is empty', async (compression) => {
    const server = await serving('');
    expect(verdictText(await run(httpProber, server.url, { settings: { compression } }))).toContain(
      'it is not',
    );
  });

  it('is reported when its connection breaks', async () => {
    const body = gzipSync(TEXT);
    const server = await servers.raw((write) => {
      write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    });
    const result = await run(httpProber, server.address, {
      settings: { compression: 'gzip' },
      timeoutMs: 150,
    });
    expect(result.verdict).toMatchObject({ reason: 'timeout' });
    await server.idle();
  });

  it('is limited by its decompressed size', async () => {
    const bomb = gzipSync(Buffer.alloc(5_000_000));
    const server = await serving(bomb);
    const result = await run(httpProber, server.url, {
      settings: { compression: 'gzip', body_size_limit: '1MB' },
    });
    expect(verdictText(result)).toBe('body: The body is larger than body_size_limit (1000000 bytes)');
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(1_000_000);
    await server.idle();
  });

  it('is read as it is without the setting, whatever its Content-Encoding', async () => {
    const body = gzipSync(TEXT);
    const server = servers.add(
      await listen(
        createServer((_request, response) => response.setHeader('Content-Encoding', 'gzip').end(body)),
      ),
    );
    const result = await run(httpProber, server.address);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(body.length);
  });
});

describe('Accept-Encoding and compression', () => {
  // the table of blackbox_exporter's own test, and further cases of its rule
  it.each([
    ['gzip', '', true],
    ['gzip', 'gzip', true],
    ['br', 'gzip', false],
    ['br', 'gzip, compress, br', true],
    ['br', 'gzip, compress', false],
    ['br', 'gzip, compress, *', true],
    ['br', 'gzip, compress, *;q=0.1', true],
    ['br', 'gzip, compress, br;q=0.0', false],
    ['br', 'gzip, compress, *;q=0.0', false],
    ['br', 'gzip;q=1.0, compress;q=0.5, br;q=0.1, *;q=0.0', true],
    ['br', '*;q=0.0, compress;q=0.5, br;q=0.1, gzip;q=1.0', true],
    ['br', ' gzip;q=1.0, compress; q=0.5, br;q=0.1, *; q=0.0 ', true],
    ['br', 'br;q=x', false],
    ['identity', 'gzip', false],
    ['identity', 'gzip, identity', true],
  ])('%s with "%s"', (compression, accept, expected) => {
    expect(acceptsEncoding(compression, accept)).toBe(expected);
  });

  it('never throw, and accept any encoding that is listed without parameters', () => {
    const name = fc.stringMatching(/^[a-z]{1,8}$/);
    fc.assert(
      fc.property(name, fc.array(name), fc.string(), (wanted, others, noise) => {
        acceptsEncoding(wanted, noise);
        return acceptsEncoding(wanted, [...others, wanted].join(', '));
      }),
    );
  });
});
