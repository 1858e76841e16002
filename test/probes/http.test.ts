import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, RequestListener } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../src/probes/http.ts';
import type { RunResult } from '../../src/probes/prober.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { exposedFamilies, run, valueOf, verdictText, type ProbeOptions } from '../support/probes/probe.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import type { HttpTestServer } from '../support/servers/http.ts';

let mint: CertificateMint;
const servers = new ServerSet();

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

const http = (handle: RequestListener): Promise<HttpTestServer> => servers.http(handle);
const https = (handle: RequestListener): Promise<HttpTestServer> =>
  servers.https(mint.leaf({ issuer: 'intermediate' }), handle);

/** Settings for a server named `localhost` with a certificate of the mint. */
function trusting(settings: Readonly<Record<string, unknown>> = {}): ProbeOptions {
  return { settings: { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile }, ...settings } };
}

describe('an http run', () => {
  it('succeeds on 2xx and exposes what its golden file says', async () => {
    const server = await https((_request, response) => {
      response.writeHead(200, { 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT', 'Content-Length': 5 });
      response.end('hello');
    });
    const result = await run(httpProber, server.url, trusting());
    expect(verdictText(result)).toBe('success');
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/http.txt', 'utf8'));
    expect(valueOf(result, 'probe_http_status_code')).toBe(200);
    expect(valueOf(result, 'probe_http_content_length')).toBe(5);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(5);
    expect(valueOf(result, 'probe_http_last_modified_timestamp_seconds')).toBe(784_111_777);
    expect(valueOf(result, 'probe_http_version')).toBe(1.1);
    expect(valueOf(result, 'probe_http_ssl')).toBe(1);
    expect(valueOf(result, 'probe_http_redirects')).toBe(0);
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'tls', 'processing', 'transfer']);
    expect(result.details).toEqual({ statusCode: 200 });
    await server.idle();
  });

  it.each([
    [
      'GET, the path with its query, and no other headers',
      {},
      'GET /a?b=c',
      ['host', 'user-agent', 'connection'],
    ],
    [
      'a method, headers and a body',
      { method: 'post', headers: { 'X-Number': 7, 'Content-Type': 'text/plain' }, body: 'Grüße' },
      'POST /a?b=c',
      ['host', 'x-number', 'content-type', 'user-agent', 'content-length', 'connection'],
    ],
    [
      'a Host and a User-Agent of its own',
      { headers: { Host: 'other', 'User-Agent': 'me' } },
      'GET /a?b=c',
      ['host', 'user-agent', 'connection'],
    ],
  ])('sends %s', async (_what, settings, line, names) => {
    let seen: { line: string; names: string[]; headers: IncomingHttpHeaders; body: string } | undefined;
    const server = await http((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const { method, url, headers, rawHeaders } = request;
        seen = {
          line: `${method} ${url}`,
          names: rawHeaders.filter((_name, i) => i % 2 === 0).map((name) => name.toLowerCase()),
          headers,
          body,
        };
        response.end();
      });
    });
    expect(verdictText(await run(httpProber, `${server.url}/a?b=c`, { settings }))).toBe('success');
    expect(seen).toMatchObject({ line, names, body: 'body' in settings ? settings.body : '' });
    expect(seen?.headers.connection).toBe('close');
    expect(seen?.headers.host).toBe(
      'headers' in settings && 'Host' in settings.headers ? 'other' : server.address,
    );
  });

  it('treats an address without a scheme as http', async () => {
    const server = await http((_request, response) => response.end());
    expect(verdictText(await run(httpProber, server.address))).toBe('success');
  });

  it.each([
    [503, {}, 'status: HTTP status 503, expected 2xx'],
    [204, {}, 'success'],
    [200, { valid_status_codes: [204] }, 'status: HTTP status 200, expected 204'],
    [500, { valid_status_codes: [200, 204, 301] }, 'status: HTTP status 500, expected 200, 204 or 301'],
    [401, { valid_status_codes: [200, 401] }, 'success'],
    [304, { valid_status_codes: [304] }, 'success'],
  ])('judges status %i with %j', async (status, settings, expected) => {
    const server = await http((_request, response) => response.writeHead(status).end());
    const result = await run(httpProber, server.url, { settings });
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_http_status_code')).toBe(status);
    expect(result.details.statusCode).toBe(status);
  });

  it.each([
    [{ fail_if_body_matches_regexp: ['(?i)ERROR'] }, 'body: The body matches "(?i)ERROR"', 1],
    [{ fail_if_body_matches_regexp: ['absent'] }, 'success', 0],
    [{ fail_if_body_not_matches_regexp: ['fine', 'absent'] }, 'body: The body does not match "absent"', 1],
    [{ fail_if_body_not_matches_regexp: ['^all fine'] }, 'success', 0],
    [
      { fail_if_header_matches: [{ header: 'X-State', regexp: 'bad' }] },
      'header: The header x-state matches "bad"',
      1,
    ],
    [
      { fail_if_header_matches: [{ header: 'X-None', regexp: 'x' }] },
      'header: The header x-none is missing',
      1,
    ],
    [{ fail_if_header_matches: [{ header: 'X-None', regexp: 'x', allow_missing: true }] }, 'success', 0],
    [{ fail_if_header_not_matches: [{ header: 'x-state', regexp: '^good$' }] }, 'success', 0],
    [
      { fail_if_header_not_matches: [{ header: 'x-state', regexp: '^worse$' }] },
      'header: The header x-state does not match "^worse$"',
      1,
    ],
    [
      { fail_if_header_not_matches: [{ header: 'X-None', regexp: 'x' }] },
      'header: The header x-none is missing',
      1,
    ],
    [{ fail_if_header_not_matches: [{ header: 'X-None', regexp: 'x', allow_missing: true }] }, 'success', 0],
    [{ valid_http_versions: ['HTTP/2.0'] }, 'protocol: The answer is HTTP/1.1, expected HTTP/2.0', 0],
    [{ valid_http_versions: ['HTTP/1.0', 'HTTP/1.1'] }, 'success', 0],
    [
      { fail_if_not_ssl: true },
      'protocol: The final response was received without TLS, and fail_if_not_ssl is set',
      0,
    ],
    [{ fail_if_ssl: true }, 'success', 0],
    [{ body_size_limit: 19 }, 'body: The body is larger than body_size_limit (19 bytes)', 0],
    [{ body_size_limit: '20B' }, 'success', 0],
  ])('judges the answer by %j', async (settings, expected, regexFailed) => {
    const server = await http((_request, response) => {
      response.writeHead(
        200,
        [
          ['X-State', 'bad'],
          ['x-state', 'good'],
        ].flat(),
      );
      response.end('all fine, no error!!');
    });
    const result = await run(httpProber, server.url, { settings });
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(regexFailed);
    await server.idle();
  });

  it('fails over TLS when fail_if_ssl is set', async () => {
    const server = await https((_request, response) => response.end());
    expect(verdictText(await run(httpProber, server.url, trusting({ fail_if_ssl: true })))).toBe(
      'protocol: The final response was received over TLS, and fail_if_ssl is set',
    );
  });

  it('leaves out the content length when the response has none', async () => {
    const server = await http((_request, response) => {
      response.write('a');
      response.end('b');
    });
    const result = await run(httpProber, server.url);
    expect(valueOf(result, 'probe_http_content_length')).toBeUndefined();
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(2);
  });

  it('takes the length of a response to HEAD from its header', async () => {
    const server = await http((_request, response) =>
      response.writeHead(200, { 'Content-Length': 77 }).end(),
    );
    const result = await run(httpProber, server.url, { settings: { method: 'HEAD' } });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_content_length')).toBe(77);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(0);
  });

  it('treats 101 as a final response', async () => {
    const { address } = await servers.raw(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    );
    const headers = { Upgrade: 'websocket' };
    const result = await run(httpProber, address, {
      settings: { headers, valid_status_codes: [101] },
      timeoutMs: 2_000,
    });
    expect(verdictText(result)).toBe('success');
  });
});

describe('the details of an http run', () => {
  const json =
    (body: unknown): RequestListener =>
    (_request, response) => {
      response.writeHead(503, { 'Content-Type': 'application/health+json; charset=utf-8' });
      response.end(JSON.stringify(body));
    };

  it('are its JSON, without secrets, even when the status is bad', async () => {
    const server = await http(
      json({ status: 'down', api_key: 'hunter2', nested: [{ dbPassword: 'hunter2', prompt_tokens: 3 }] }),
    );
    const { details } = await run(httpProber, server.url);
    expect(details).toEqual({
      statusCode: 503,
      data: { status: 'down', api_key: '<secret>', nested: [{ dbPassword: '<secret>', prompt_tokens: 3 }] },
    });
  });

  it('are left out when the JSON is larger than 4 KiB', async () => {
    const server = await http(json({ text: 'x'.repeat(4_096) }));
    expect((await run(httpProber, server.url)).details).toEqual({ statusCode: 503 });
  });

  it('are left out when the JSON is invalid', async () => {
    const server = await http((_request, response) =>
      response.setHeader('Content-Type', 'application/json').end('{"a":'),
    );
    expect((await run(httpProber, server.url)).details).toEqual({ statusCode: 200 });
  });
});

describe('http redirects', () => {
  it('are followed, and timed together', async () => {
    const server = await http((request, response) => {
      if (request.url === '/end') response.end('here');
      else response.writeHead(302, { Location: '/end' }).end('elsewhere');
    });
    const result = await run(httpProber, `${server.url}/start`);
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_redirects')).toBe(1);
    expect(valueOf(result, 'probe_http_status_code')).toBe(200);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(4);
    await server.idle();
    expect(server.accepted()).toBe(2);
  });

  it('go from http to https', async () => {
    const end = await https((_request, response) => response.end());
    const start = await http((_request, response) => response.writeHead(301, { Location: end.url }).end());
    const result = await run(httpProber, start.url, trusting({ fail_if_not_ssl: true }));
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_ssl')).toBe(1);
  });

  it('are not followed when disabled', async () => {
    const server = await http((_request, response) => response.writeHead(302, { Location: '/end' }).end());
    const result = await run(httpProber, server.url, {
      settings: { follow_redirects: false, valid_status_codes: [302] },
    });
    expect(verdictText(result)).toBe('success');
    expect(server.accepted()).toBe(1);
  });

  it.each([
    ['/again', 'redirect: Stopped after 10 redirects'],
    ['ftp://example.test/', 'redirect: HTTP status 302 redirects to the scheme ftp, expected http or https'],
    [
      'http://[bad',
      'redirect: HTTP status 302 redirects to an invalid URL: the address has no valid host and port',
    ],
  ])('to %s fail', async (location, expected) => {
    const server = await http((_request, response) => response.writeHead(302, { Location: location }).end());
    const result = await run(httpProber, server.url);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_http_status_code')).toBe(302);
    await server.idle();
  });

  it('do not send credentials to another host', async () => {
    const seen: IncomingHttpHeaders[] = [];
    const other = await http((request, response) => {
      seen.push(request.headers);
      response.end();
    });
    const own = await http((request, response) => {
      seen.push(request.headers);
      const location = request.url === '/second' ? `http://localhost:${other.port}/?t=1` : '/second';
      response.writeHead(307, { Location: location }).end();
    });
    const settings = {
      method: 'PUT',
      body: 'x',
      preferred_ip_protocol: 'ip4',
      headers: { Cookie: 'a=b', 'X-Plain': 'kept' },
      basic_auth: { username: 'me', password: 'hunter2' },
    };
    const result = await run(httpProber, own.url, { settings });
    expect(verdictText(result)).toBe('success');
    expect(seen.map(({ authorization, cookie }) => [authorization, cookie])).toEqual([
      ['Basic bWU6aHVudGVyMg==', 'a=b'],
      ['Basic bWU6aHVudGVyMg==', 'a=b'],
      [undefined, undefined],
    ]);
    expect(seen.at(-1)).toMatchObject({
      'x-plain': 'kept',
      'content-length': '1',
      host: `localhost:${other.port}`,
    });
  });
});

describe('http authentication', () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
    [
      'basic_auth',
      { basic_auth: { username: 'me', password: 'pä:ss' } },
      `Basic ${Buffer.from('me:pä:ss').toString('base64')}`,
    ],
    ['authorization', { authorization: { credentials: 'abc' } }, 'Bearer abc'],
    ['authorization with a type', { authorization: { type: 'Token', credentials: 'abc' } }, 'Token abc'],
    ['bearer_token', { bearer_token: 'abc' }, 'Bearer abc'],
  ];
  it.each(cases)('by %s', async (_what, settings, expected) => {
    let seen: string | undefined;
    const server = await http((request, response) => {
      seen = request.headers.authorization;
      response.writeHead(500).end();
    });
    const result = await run(httpProber, server.url, { settings });
    expect(seen).toBe(expected);
    expectNoSecret(result, ['abc', 'pä:ss', expected]);
  });

  it('by a file', async () => {
    let seen: string | undefined;
    const server = await http((request, response) => {
      seen = request.headers.authorization;
      response.end();
    });
    const file = mint.write('token', 'from-file\n');
    await run(httpProber, server.url, { settings: { authorization: { credentials_file: file } } });
    expect(seen).toBe('Bearer from-file');
  });

  it('by the address, which is never displayed', async () => {
    let seen: string | undefined;
    const server = await http((request, response) => {
      seen = request.headers.authorization;
      response.writeHead(302, { Location: '/x?token=hunter2' }).end();
    });
    const result = await run(httpProber, `http://me:hunter2@${server.address}/?key=hunter2`);
    expect(seen).toBe(`Basic ${Buffer.from('me:hunter2').toString('base64')}`);
    expectNoSecret(result, ['hunter2']);
  });
});

function expectNoSecret(result: RunResult, secrets: readonly string[]): void {
  const shown = JSON.stringify({ ...result, samples: result.samples.map(({ labels }) => labels) });
  for (const secret of secrets) expect(shown).not.toContain(secret);
}
