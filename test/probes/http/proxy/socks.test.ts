import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { httpProber } from '../../../../src/probes/http.ts';
import { CertificateMint } from '../../../support/probes/certificates.ts';
import { refusals, run, valueOf, verdictText } from '../../../support/probes/probe.ts';
import { ServerSet } from '../../../support/servers/server-set.ts';
import { startSocks, type SocksOptions } from '../../../support/servers/socks.ts';
import { closedPort } from '../../../support/servers/tcp.ts';

const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

const socks = async (options: SocksOptions = {}) => servers.add(await startSocks(options));
const through = (proxy_url: string, more: Readonly<Record<string, unknown>> = {}) => ({
  preferred_ip_protocol: 'ip4',
  proxy_url,
  ...more,
});

describe('an http run through a SOCKS5 proxy', () => {
  it.each(['socks5', 'socks5h'])(
    'with the scheme %s sends it the address that was resolved here',
    async (scheme) => {
      const target = await servers.http((request, response) =>
        response.end(`${request.headers.host} ${request.url}`),
      );
      const proxy = await socks();
      const result = await run(httpProber, `http://localhost:${target.port}/a?b=c`, {
        settings: through(`${scheme}://${proxy.address}`, {
          fail_if_body_not_matches_regexp: [`^localhost:${target.port} /a.b=c$`],
        }),
      });
      expect(verdictText(result)).toBe('success');
      expect(proxy.seen).toEqual(['methods 0', `connect 127.0.0.1:${target.port}`]);
      expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'processing', 'transfer']);
      expect(valueOf(result, 'probe_ip_protocol')).toBe(4);
      await target.idle();
      await proxy.idle();
    },
  );

  it('leaves the name to it where configured, and resolves nothing', async () => {
    const target = await servers.http((_request, response) => response.end());
    const proxy = await socks();
    const result = await run(httpProber, `http://only.there.invalid:${target.port}/`, {
      settings: through(`socks5://${proxy.address}`, { skip_resolve_phase_with_proxy: true }),
    });
    expect(verdictText(result)).toBe('success');
    expect(proxy.seen).toEqual(['methods 0', `connect only.there.invalid:${target.port}`]);
    expect(valueOf(result, 'probe_ip_protocol')).toBeUndefined();
  });

  it.each([true, false])('speaks TLS with the target; HTTP/2: %s', async (enable_http2) => {
    const target = await servers.https(mint.leaf(), (_request, response) => response.end('hello'));
    const proxy = await socks({ slowly: true, boundName: 'x'.repeat(255) });
    const result = await run(httpProber, target.url, {
      settings: through(`socks5://${proxy.address}`, { enable_http2, tls_config: { ca_file: mint.caFile } }),
    });
    expect(verdictText(result)).toBe('success');
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'tls', 'processing', 'transfer']);
    await target.idle();
    await proxy.idle();
  });

  it('sends user and password, and never displays them', async () => {
    const target = await servers.http((_request, response) => response.end());
    const proxy = await socks({ credentials: 'me:p@ss' });
    const result = await run(httpProber, target.url, {
      settings: through(`socks5://me:p%40ss@${proxy.address}`),
    });
    expect(verdictText(result)).toBe('success');
    expect(proxy.seen.slice(0, 2)).toEqual(['methods 0 2', 'me:p@ss']);
    expect(JSON.stringify([result.log, result.verdict])).not.toContain('ss@');
  });

  it.each([
    ['me:no@', 'auth: The proxy rejects the user and password of its URL'],
    ['', 'auth: The proxy requires credentials, and its URL has none'],
    [':p@', 'config: SOCKS5 allows a user of 1 to 255 bytes and a password of at most 255; see proxy_url'],
    [
      `${'u'.repeat(256)}@`,
      'config: SOCKS5 allows a user of 1 to 255 bytes and a password of at most 255; see proxy_url',
    ],
  ])('reports insufficient credentials: %s', async (given, expected) => {
    const proxy = await socks({ credentials: 'me:pass' });
    const result = await run(httpProber, 'http://127.0.0.1:1/', {
      settings: through(`socks5://${given}${proxy.address}`),
    });
    expect(verdictText(result)).toBe(expected);
    await proxy.idle();
  });

  it.each([
    [1, 'connect: The proxy failed to connect to the target'],
    [2, "connect: The proxy's rules do not allow connections to the target"],
    [3, 'connect: The proxy has no route to the network of the target'],
    [4, 'connect: The proxy has no route to the target'],
    [5, 'connect_refused: Connection refused by the target, as the proxy reports'],
    [6, 'connect_timeout: The connection of the proxy to the target timed out'],
    [7, 'protocol: The proxy does not support the command CONNECT'],
    [8, 'connect: The proxy does not support the address type of the target'],
    [99, 'protocol: The proxy refuses for an unknown reason (99)'],
  ])('reports what the reply %i means', async (refuse, expected) => {
    const proxy = await socks({ refuse });
    const result = await run(httpProber, 'https://127.0.0.1:1/', {
      settings: through(`socks5://${proxy.address}`),
    });
    expect(verdictText(result)).toBe(expected);
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect']);
    await proxy.idle();
  });

  it('connects directly where no_proxy says so', async () => {
    const target = await servers.http((_request, response) => response.end());
    const proxy_url = `socks5://127.0.0.1:${await closedPort()}`;
    const result = await run(httpProber, target.url, { settings: { proxy_url, no_proxy: 'other.test' } });
    expect(verdictText(result)).toBe('success');
  });

  it('reports that the proxy cannot be reached, on port 1080 when its URL has none', async () => {
    const port = await closedPort();
    const at = (proxy_url: string) =>
      run(httpProber, 'http://127.0.0.1:1/', { settings: through(proxy_url) });
    expect(verdictText(await at(`socks5://127.0.0.1:${port}`))).toBe(
      `connect_refused: Connection refused by 127.0.0.1:${port}`,
    );
    expect(verdictText(await at('socks5://127.9.9.9'))).toBe(
      'connect_refused: Connection refused by 127.9.9.9:1080',
    );
  });

  it.each([
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::1:0:2', '20010db8000000000000000100000002'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::', '00000000000000000000000000000000'],
  ])('writes the address %s', async (address, expected) => {
    const proxy = await socks({ refuse: 1 });
    const settings = { proxy_url: `socks5://${proxy.address}` };
    await run(httpProber, `http://[${address}]:80/`, { settings });
    expect(proxy.seen[1]).toBe(`connect ${expected}:80`);
  });

  it('does not send a name that SOCKS5 cannot express', async () => {
    const proxy = await socks();
    const result = await run(httpProber, `http://${'a.'.repeat(128)}b/`, {
      settings: through(`socks5://${proxy.address}`, { skip_resolve_phase_with_proxy: true }),
    });
    expect(verdictText(result)).toBe('dns: The name is longer than SOCKS5 allows (255 bytes)');
    expect(proxy.seen).toEqual([]);
    await proxy.idle();
  });
});

describe('a SOCKS5 proxy that misbehaves', () => {
  /** Answers the first bytes that it receives, then is silent or closes the connection. */
  const answering = (bytes: readonly number[], end: boolean) =>
    servers.tcp((socket) =>
      socket.once('data', () => (end ? socket.end(Buffer.from(bytes)) : socket.write(Buffer.from(bytes)))),
    );
  const probe = async (bytes: readonly number[], end: boolean) => {
    const proxy = await answering(bytes, end);
    const result = await run(httpProber, 'https://127.0.0.1:1/', {
      settings: through(`socks5://${proxy.address}`),
      timeoutMs: 1_000,
    });
    await proxy.idle();
    return verdictText(result);
  };

  it.each<[string, readonly number[], string]>([
    ['speaks SOCKS4', [0, 90, 0, 0, 0, 0, 0, 0], 'protocol: The proxy does not speak SOCKS5'],
    [
      'speaks HTTP',
      [...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
      'protocol: The proxy does not speak SOCKS5',
    ],
    [
      'chooses a method that was not offered',
      [5, 1],
      'protocol: The proxy chose an authentication method that was not offered',
    ],
    [
      'requires a password that was not offered',
      [5, 2],
      'protocol: The proxy chose an authentication method that was not offered',
    ],
    ['answers in another version', [5, 0, 4, 0, 0, 1], 'protocol: The answer of the proxy is not SOCKS5'],
    [
      'has an address of an unknown type',
      [5, 0, 5, 0, 0, 2, 0, 0],
      'protocol: The proxy answers with an unknown address type',
    ],
    ['sends nothing', [], 'protocol: The proxy closed the connection before it answered'],
    ['stops in its choice', [5], 'protocol: The proxy closed the connection before it answered'],
    ['stops in its reply', [5, 0, 5, 0, 0], 'protocol: The proxy closed the connection before it answered'],
    [
      'stops in a name',
      [5, 0, 5, 0, 0, 3, 200, 65, 65],
      'protocol: The proxy closed the connection before it answered',
    ],
    [
      'stops before the port',
      [5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 0],
      'protocol: The proxy closed the connection before it answered',
    ],
  ])('%s', async (_what, bytes, expected) => {
    expect(await probe(bytes, true)).toBe(expected);
  });

  it.each<[string, readonly number[]]>([
    ['before it answers', []],
    ['in its choice', [5]],
    ['in an endless name', [5, 0, 5, 0, 0, 3, 255, ...Buffer.from('a'.repeat(254))]],
    ['before the port', [5, 0, 5, 0, 0, 4, ...Buffer.alloc(17)]],
  ])('stalls %s: the deadline ends the run', async (_where, bytes) => {
    expect(await probe(bytes, false)).toBe('connect_timeout: Request timed out after 1s while connecting');
  });

  it('never causes a bug, whatever it sends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.boolean(), async (noise, polite) => {
        const bytes = polite ? [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...noise] : [...noise];
        expect(await probe(bytes, true)).toMatch(/^(?:protocol|auth|connect|connect_\w+|tls): /);
      }),
      { numRuns: 60 },
    );
  });

  it('does not lose what the target sends at once', async () => {
    // a response that arrives with the reply, before the request, is still valid
    const proxy = await servers.tcp((socket) =>
      socket.once('data', () => {
        socket.write(Buffer.from([5, 0]));
        socket.once('data', () => {
          const reply = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
          socket.end(Buffer.concat([reply, Buffer.from('HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n')]));
        });
      }),
    );
    const result = await run(httpProber, 'http://127.0.0.1:1/', {
      settings: through(`socks5://${proxy.address}`),
    });
    expect(verdictText(result)).toBe('status: HTTP status 418, expected 2xx');
    await proxy.idle();
  });
});

it.each([
  ['socks4://proxy.test', 1],
  ['socks5://', 1],
  ['socks5://u:%zz@proxy.test', 1],
  ['', 0],
  ['socks5h://u:p@proxy.test', 0],
])('the proxy_url %j is refused %i times', (proxy_url, times) => {
  expect(refusals(httpProber, { proxy_url })).toHaveLength(times);
});
