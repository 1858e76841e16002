import { createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../../src/probes/http.ts';
import { readToken } from '../../../src/probes/http/auth/token-answer.ts';
import { CertificateMint } from '../../support/probes/certificates.ts';
import {
  hostsResolver,
  pacedClock,
  probeOf,
  run,
  targetOf,
  valueOf,
  verdictText,
} from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { listen, type TestServer } from '../../support/servers/tcp.ts';
import { runProbe } from '../../../src/probes/run.ts';

const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

type Handle = (stream: ServerHttp2Stream, headers: Readonly<Record<string, unknown>>) => void;

async function http2(handle: Handle): Promise<TestServer> {
  const server: Http2SecureServer = createSecureServer({ ...mint.leaf() });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    handle(stream, headers);
  });
  server.on('sessionError', () => undefined);
  return servers.add(await listen(server));
}

const trusting = (settings: Readonly<Record<string, unknown>> = {}) => ({
  preferred_ip_protocol: 'ip4',
  tls_config: { ca_file: mint.caFile },
  ...settings,
});
const probe = (server: TestServer, settings: Readonly<Record<string, unknown>> = {}, timeoutMs = 2_000) =>
  run(httpProber, `https://localhost:${server.port}/a?b=c`, { settings: trusting(settings), timeoutMs });

describe('an http run by HTTP/2', () => {
  it('sends what it would over HTTP/1.1, and exposes the version', async () => {
    let seen: Readonly<Record<string, unknown>> = {};
    let body = '';
    const server = await http2((stream, headers) => {
      seen = headers;
      stream.on('data', (chunk: Buffer) => (body += chunk.toString()));
      stream.on('end', () => {
        stream.respond({ ':status': 200, 'content-length': 5, 'x-state': 'good' });
        stream.end('hello');
      });
    });
    const result = await probe(server, {
      method: 'POST',
      body: 'ping',
      headers: { 'X-A': 'b', Host: `localhost:${server.port}` },
      basic_auth: { username: 'me', password: 'x' },
      valid_http_versions: ['HTTP/2.0'],
      fail_if_body_not_matches_regexp: ['^hello$'],
      fail_if_header_not_matches: [{ header: 'X-State', regexp: 'good' }],
    });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_version')).toBe(2);
    expect(valueOf(result, 'probe_http_content_length')).toBe(5);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(5);
    expect(seen).toMatchObject({
      ':method': 'POST',
      ':path': '/a?b=c',
      ':authority': `localhost:${server.port}`,
      'x-a': 'b',
      'user-agent': 'Tocsin',
      'content-length': '4',
      authorization: 'Basic bWU6eA==',
    });
    expect(seen).not.toHaveProperty('connection');
    expect(body).toBe('ping');
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'tls', 'processing', 'transfer']);
    await server.idle();
  });

  it.each<[string, Handle, Readonly<Record<string, unknown>>, string, number | undefined]>([
    [
      'no length',
      (s) => {
        s.respond({ ':status': 200 });
        s.end('x');
      },
      {},
      'success',
      undefined,
    ],
    ['no body', (s) => s.respond({ ':status': 204 }, { endStream: true }), {}, 'success', 0],
    [
      'a bad status',
      (s) => s.respond({ ':status': 503 }, { endStream: true }),
      {},
      'status: HTTP status 503, expected 2xx',
      0,
    ],
    [
      'invalid HTTP/2',
      (s) => s.respond({ ':status': 200 }, { endStream: true }),
      { valid_http_versions: ['HTTP/1.1'] },
      'protocol: The answer is HTTP/2.0, expected HTTP/1.1',
      0,
    ],
    [
      'a body beyond the limit',
      (s) => {
        s.respond({ ':status': 200 });
        s.end('x'.repeat(99));
      },
      { body_size_limit: 9 },
      'body: The body is larger than body_size_limit (9 bytes)',
      undefined,
    ],
  ])('judges %s', async (...[, handle, settings, expected, length]) => {
    const server = await http2(handle);
    const result = await probe(server, settings);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_http_content_length')).toBe(length);
    await server.idle();
  });

  it.each<[string, Handle, RegExp]>([
    ['resets the stream', (s) => s.close(2), /^protocol: /],
    [
      'truncates the body',
      (s) => {
        s.respond({ ':status': 200 });
        s.write('x', () => s.session?.destroy());
      },
      /^protocol: /,
    ],
    ['closes the session', (s) => s.session?.destroy(), /^protocol: /],
  ])('fails with protocol when the server %s', async (_what, handle, expected) => {
    const server = await http2(handle);
    expect(verdictText(await probe(server))).toMatch(expected);
    await server.idle();
  });

  it('ends at its deadline when nothing arrives', async () => {
    const server = await http2(() => undefined);
    expect(verdictText(await probe(server, {}, 1_000))).toBe(
      'timeout: Request timed out after 1s while waiting for the answer',
    );
    await server.idle();
  });

  it('follows redirects, with cookies', async () => {
    const seen: unknown[] = [];
    const server = await http2((stream, headers) => {
      seen.push(headers['cookie']);
      if (headers[':path'] === '/end') stream.respond({ ':status': 200 }, { endStream: true });
      else
        stream.respond(
          { ':status': 302, location: '/end', 'set-cookie': ['a=1', 'b=2'] },
          { endStream: true },
        );
    });
    const result = await probe(server);
    expect(verdictText(result)).toBe('success');
    expect(seen).toEqual([undefined, 'a=1; b=2']);
    expect(valueOf(result, 'probe_http_redirects')).toBe(1);
  });

  it('fails when it is disabled and the server offers nothing else', async () => {
    const server = await http2((stream) => stream.respond({ ':status': 200 }, { endStream: true }));
    expect((await probe(server, { enable_http2: false })).verdict.status).toBe('failure');
  });

  it('is not used where the server does not support it', async () => {
    const server = await servers.https(mint.leaf(), (_request, response) => response.end());
    expect(valueOf(await probe(server), 'probe_http_version')).toBe(1.1);
  });
});

describe('oauth2', () => {
  /** An endpoint that returns a token for each valid request. */
  async function tokens(
    answer: Readonly<Record<string, unknown>> = {},
    style: 'header' | 'params' = 'header',
  ) {
    const seen: { authorization: string | undefined; form: string }[] = [];
    const server = await servers.http((request, response) => {
      let form = '';
      request.on('data', (chunk: Buffer) => (form += chunk.toString()));
      request.on('end', () => {
        const { authorization } = request.headers;
        seen.push({ authorization, form });
        const right = style === 'header' ? authorization !== undefined : form.includes('client_secret=');
        response.writeHead(right ? 200 : 401, { 'Content-Type': 'application/json' });
        response.end(
          JSON.stringify({
            access_token: `t${seen.length}`,
            token_type: 'bearer',
            expires_in: 3_600,
            ...answer,
          }),
        );
      });
    });
    return { server, seen };
  }

  const client = (url: string) => ({
    oauth2: {
      client_id: 'me',
      client_secret: 's ecret',
      token_url: `${url}/token`,
      scopes: ['a', 'b'],
      endpoint_params: { audience: 'x' },
    },
  });

  async function protectedServer() {
    const seen: (string | undefined)[] = [];
    const server = await servers.http((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(request.url === '/denied' ? 401 : 200).end();
    });
    return { server, seen };
  }

  const twice = async (settings: Readonly<Record<string, unknown>>, url: string) => {
    const one = { probe: probeOf(httpProber, settings), target: targetOf(httpProber, url) };
    const options = { ...one, timeoutMs: 2_000, clock: pacedClock(), resolver: hostsResolver() };
    return [await runProbe(options), await runProbe(options)] as const;
  };

  it('fetches a token once and keeps it', async () => {
    const endpoint = await tokens();
    const { server, seen } = await protectedServer();
    const [first, second] = await twice(client(endpoint.server.url), server.url);
    expect([verdictText(first), verdictText(second)]).toEqual(['success', 'success']);
    expect(seen).toEqual(['Bearer t1', 'Bearer t1']);
    expect(endpoint.seen).toEqual([
      {
        authorization: `Basic ${Buffer.from('me:s+ecret').toString('base64')}`,
        form: 'grant_type=client_credentials&scope=a+b&audience=x',
      },
    ]);
    expect(JSON.stringify(first)).not.toContain('ecret');
    expect(JSON.stringify([first.log, first.verdict])).not.toContain('t1');
    await endpoint.server.idle();
  });

  it.each([
    ['that is about to expire', { expires_in: 5 }],
    ['whose lifetime is a string', { expires_in: '5' }],
  ])('fetches another for a token %s', async (_what, answer) => {
    const endpoint = await tokens(answer);
    const { server, seen } = await protectedServer();
    await twice(client(endpoint.server.url), server.url);
    expect(seen).toEqual(['Bearer t1', 'Bearer t2']);
  });

  it('fetches another after the target has refused one', async () => {
    const endpoint = await tokens();
    const { server, seen } = await protectedServer();
    await twice(client(endpoint.server.url), `${server.url}/denied`);
    expect(seen).toEqual(['Bearer t1', 'Bearer t2']);
  });

  it('sends the credentials in the body to an endpoint that expects them there', async () => {
    const endpoint = await tokens({}, 'params');
    const { server, seen } = await protectedServer();
    const result = await run(httpProber, server.url, { settings: client(endpoint.server.url) });
    expect(verdictText(result)).toBe('success');
    expect(endpoint.seen.map(({ authorization }) => authorization === undefined)).toEqual([false, true]);
    expect(seen).toEqual(['Bearer t2']);
  });

  it('does not count towards the name lookup or the phases of the target', async () => {
    const endpoint = await tokens();
    const { server } = await protectedServer();
    const result = await run(httpProber, server.url, { settings: client(endpoint.server.url) });
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing', 'transfer']);
  });

  it('fails with auth when the endpoint cannot be reached', async () => {
    const { server } = await protectedServer();
    const result = await run(httpProber, server.url, { settings: client('http://127.0.0.1:1') });
    expect(verdictText(result)).toBe('auth: No token could be fetched: Connection refused by 127.0.0.1:1');
    expect(server.accepted()).toBe(0);
  });

  it.each([
    [200, '{}', 'The token endpoint answered without an access_token'],
    [200, 'no json', 'The token endpoint answered without an access_token'],
    [200, '{"access_token":"a\\nb"}', 'The token endpoint answered without an access_token'],
    [500, '{"access_token":"a"}', 'The token endpoint answered with HTTP status 500'],
  ])('fails with auth for the answer %i %s', (status, text, expected) => {
    expect(() => readToken({ status, text, contentType: 'application/json' }, 0)).toThrow(expected);
  });
});

describe('http_headers', () => {
  it('are sent once for each value, and secrets only to the target itself', async () => {
    const seen: string[][] = [];
    const other = await servers.http((request, response) => {
      seen.push(request.rawHeaders);
      response.end();
    });
    const own = await servers.http((request, response) => {
      seen.push(request.rawHeaders);
      response.writeHead(302, { Location: `http://localhost:${other.port}/` }).end();
    });
    const http_headers = {
      'X-Plain': { values: ['a', 'b'] },
      'X-Key': { secrets: ['hunter2'], files: [mint.write('key', 'hunter3\n')] },
    };
    const result = await run(httpProber, own.url, {
      settings: { preferred_ip_protocol: 'ip4', http_headers },
    });
    expect(verdictText(result)).toBe('success');
    const names = ['X-Plain', 'X-Key'];
    const pairs = seen.map((raw) =>
      raw.flatMap((name, i) => (i % 2 === 0 && names.includes(name) ? [`${name}=${raw[i + 1]}`] : [])),
    );
    expect(pairs).toEqual([
      ['X-Plain=a', 'X-Plain=b', 'X-Key=hunter2', 'X-Key=hunter3'],
      ['X-Plain=a', 'X-Plain=b'],
    ]);
    expect(JSON.stringify([result.log, result.verdict])).not.toContain('hunter');
  });
});

describe('what an http run has in common with blackbox_exporter', () => {
  it.each([
    [
      'for a protocol switch',
      { Connection: 'keep-alive, Upgrade', Upgrade: 'websocket' },
      ['keep-alive, Upgrade'],
    ],
    ['without a protocol to switch to', { Connection: 'Upgrade' }, ['Upgrade', 'close']],
    ['with Close', { connection: 'Close' }, ['Close']],
    ['with keep-alive', { Connection: 'keep-alive' }, ['keep-alive', 'close']],
    [
      'and not what follows from the body',
      { 'Content-Length': '9', 'Transfer-Encoding': 'x', Trailer: 'y' },
      ['close'],
    ],
  ])('sends a Connection header %s', async (_what, headers, expected) => {
    let seen: string[] = [];
    const server = await servers.http((request, response) => {
      seen = request.rawHeaders;
      response.end();
    });
    // node:http treats an upgrade without a listener as an ordinary request
    expect(verdictText(await run(httpProber, server.url, { settings: { headers } }))).toBe('success');
    const isConnection = (i: number): boolean => i % 2 === 1 && /^connection$/i.test(seen[i - 1] ?? '');
    expect(seen.filter((_value, i) => isConnection(i))).toEqual(expected);
    expect(seen.join()).not.toMatch(/content-length|transfer-encoding|trailer/i);
    await server.idle();
  });

  const redirecting = () =>
    servers.http((request, response) => {
      if (request.url === '/r') response.writeHead(302, { Location: '/x' }).end('moved away');
      else if (request.url === '/bad')
        response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end('moved');
      else response.end('hello world');
    });

  it('counts a redirect that it does not follow, without reading its body', async () => {
    const server = await redirecting();
    const result = await run(httpProber, `${server.url}/r`, {
      settings: { follow_redirects: false, valid_status_codes: [302] },
    });
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_http_redirects')).toBe(1);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBeUndefined();
  });

  it('reads the body of such a redirect for rules about the body', async () => {
    const server = await redirecting();
    const result = await run(httpProber, `${server.url}/r`, {
      settings: {
        no_follow_redirects: true,
        valid_status_codes: [302],
        fail_if_body_not_matches_regexp: ['^moved'],
      },
    });
    expect(verdictText(result)).toBe('success');
  });

  it.each([
    [{ no_follow_redirects: true }, 302],
    [{ no_follow_redirects: false, follow_redirects: false }, 200],
  ])('lets no_follow_redirects decide where it is given: %j', async (settings, status) => {
    const server = await redirecting();
    expect(valueOf(await run(httpProber, `${server.url}/r`, { settings }), 'probe_http_status_code')).toBe(
      status,
    );
  });

  it('has no status when the target of a redirect does not answer', async () => {
    const server = await redirecting();
    const result = await run(httpProber, `${server.url}/bad`);
    expect(result.verdict).toMatchObject({ reason: 'connect_refused' });
    expect(valueOf(result, 'probe_http_status_code')).toBeUndefined();
    expect(valueOf(result, 'probe_http_redirects')).toBe(1);
  });

  it('counts an unreadable body as a failure of its regular expressions', async () => {
    const server = await redirecting();
    const result = await run(httpProber, server.url, {
      settings: { body_size_limit: 5, fail_if_body_matches_regexp: ['x'] },
    });
    expect(result.verdict).toMatchObject({ reason: 'body' });
    expect(valueOf(result, 'probe_failed_due_to_regex')).toBe(1);
    expect(valueOf(result, 'probe_http_uncompressed_body_length')).toBe(5);
  });

  it.each([
    ['a response', '/', { probe_http_content_length: -1, probe_http_status_code: 0 }, 5],
    [
      'no answer',
      undefined,
      { probe_http_content_length: 0, probe_http_version: 0, probe_http_redirects: 0 },
      5,
    ],
  ])('exposes defaults for what was not measured, after %s', async (_what, path, expected, phases) => {
    const server = await redirecting();
    const bound = probeOf(httpProber, { fail_if_body_json_matches_cel: 'true' });
    const { samples } = await run(httpProber, path === undefined ? 'http://127.0.0.1:1' : server.url);
    const unmeasured = bound.unmeasured?.(samples) ?? [];
    const values = Object.fromEntries(unmeasured.map(({ family, value }) => [family.name, value]));
    expect(values).toMatchObject({ ...expected, probe_failed_due_to_cel: 0 });
    expect(unmeasured.filter(({ family }) => family.name === 'probe_http_duration_seconds')).toHaveLength(
      phases,
    );
  });

  it('uses a hostname for Host and TLS, unless the settings have another', async () => {
    const server = await servers.https(mint.leaf({ names: ['DNS:shop.test'] }), (request, response) =>
      response.end(request.headers.host),
    );
    const settings = trusting({ fail_if_body_not_matches_regexp: ['^shop.test$'] });
    const bound = probeOf(httpProber, settings).withHostname?.('shop.test');
    if (bound === undefined || 'problem' in bound) throw new Error('the hostname was not taken');
    const target = targetOf(httpProber, `https://127.0.0.1:${server.port}`);
    const options = {
      probe: bound,
      target,
      timeoutMs: 2_000,
      clock: pacedClock(),
      resolver: hostsResolver(),
    };
    expect(verdictText(await runProbe(options))).toBe('success');
    const other = probeOf(httpProber, { headers: { host: 'a' } }).withHostname?.('b');
    expect(other).toHaveProperty('problem');
  });
});
