import type { IncomingHttpHeaders } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { grpcProber } from '../../../src/probes/grpc.ts';
import { httpProber } from '../../../src/probes/http.ts';
import { CertificateMint, type Minted } from '../../support/probes/certificates.ts';
import { run, valueOf, verdictText } from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { REFUSALS, startAnswering, startRefusing, type Http2Handle } from '../../support/servers/refusing.ts';
import type { TestServer } from '../../support/servers/tcp.ts';

let mint: CertificateMint;
let tls: Minted;
const servers = new ServerSet();

beforeAll(() => {
  mint = new CertificateMint();
  tls = mint.leaf();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

const probe = ({ port }: TestServer, settings: Readonly<Record<string, unknown>> = {}) =>
  run(httpProber, `https://localhost:${port}/`, {
    settings: { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile }, ...settings },
  });
const check = ({ port }: TestServer) =>
  run(grpcProber, `localhost:${port}`, { settings: { preferred_ip_protocol: 'ip4' } });

const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, `${i}`]));

const hello: Http2Handle = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('hello');
};

const serving =
  (extra: Record<string, string> = {}): Http2Handle =>
  (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', ...extra },
      { waitForTrailers: true },
    );
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', ...extra }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
  };

describe('a response over HTTP/2', () => {
  it.each([1, 126, 127, 128, 1_000])('may have %i header fields, and as many of metadata', async (count) => {
    const web = servers.add(
      await startAnswering((stream) => {
        stream.respond({ ':status': 200, ...many(count) });
        stream.end();
      }, tls),
    );
    const last = [{ header: `X-${count - 1}`, regexp: `^${count - 1}$` }];
    expect(verdictText(await probe(web, { fail_if_header_not_matches: last }))).toBe('success');
    const rpc = servers.add(await startAnswering(serving(many(count))));
    expect(verdictText(await check(rpc))).toBe('success');
  });
});

describe('a request that is refused before it was accepted', () => {
  it.each(['refused', 'goaway'] as const)('is retried once over another connection (%s)', async (how) => {
    const web = servers.add(await startRefusing(REFUSALS[how], hello, { tls }));
    const result = await probe(web, { method: 'POST', body: 'a' });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(5);
    expect(web.accepted()).toBe(2);
    const rpc = servers.add(await startRefusing(REFUSALS[how], serving()));
    expect(verdictText(await check(rpc))).toBe('success');
    expect(rpc.accepted()).toBe(2);
  });

  it.each(['refused', 'goaway'] as const)('is not sent a third time (%s)', async (how) => {
    const web = servers.add(await startRefusing(REFUSALS[how], hello, { tls, always: true }));
    expect(verdictText(await probe(web))).toBe(
      'protocol: The server refused the request before processing it (HTTP/2 REFUSED_STREAM or GOAWAY)',
    );
    expect(web.accepted()).toBe(2);
    const rpc = servers.add(await startRefusing(REFUSALS[how], serving(), { always: true }));
    expect(verdictText(await check(rpc))).not.toBe('success');
    expect(rpc.accepted()).toBe(2);
  });

  it('is not retried after a GOAWAY with an error code', async () => {
    const web = servers.add(await startRefusing(REFUSALS.calm, hello, { tls }));
    expect(verdictText(await probe(web))).toContain('protocol: ');
    expect(web.accepted()).toBe(1);
  });
});

describe('a request over HTTP/2', () => {
  const sent = async (settings: Readonly<Record<string, unknown>>) => {
    let seen: IncomingHttpHeaders = {};
    const server = servers.add(
      await startAnswering((stream, headers) => {
        seen = headers;
        hello(stream, headers);
      }, tls),
    );
    return { verdict: verdictText(await probe(server, settings)), seen };
  };
  const twice = (name: string) => ({ http_headers: { [name]: { values: ['a', 'b'] } } });

  it.each<[Readonly<Record<string, unknown>>, string, string | undefined]>([
    [{ headers: { TE: 'gzip' } }, 'te', undefined],
    [{ headers: { TE: 'gzip, trailers' } }, 'te', 'trailers'],
    [{ headers: { 'Keep-Alive': '5', 'Proxy-Connection': 'x', Upgrade: 'y' } }, 'keep-alive', undefined],
    [twice('Referer'), 'referer', 'a, b'],
    [twice('X-A'), 'x-a', 'a, b'],
    [{ headers: { 'X-A': 'Zürich 東京' } }, 'x-a', Buffer.from('Zürich 東京').toString('latin1')],
  ])('with %j is valid', async (settings, name, expected) => {
    const { verdict, seen } = await sent(settings);
    expect(verdict).toBe('success');
    expect(seen[name]).toBe(expected);
  });

  it('with a duplicate header name is never a bug of the prober', async () => {
    const once = [
      'If-Match',
      'If-None-Match',
      'If-Modified-Since',
      'Date',
      'From',
      'Range',
      'Max-Forwards',
      'DNT',
      'ETag',
    ];
    for (const name of once) expect((await sent(twice(name))).verdict).toBe('success');
  });
});
