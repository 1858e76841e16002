import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { httpProber } from '../../../../src/probes/http.ts';
import { NoProxy, parseProxyUrl, proxyFor } from '../../../../src/probes/http/proxy/proxy.ts';
import { CertificateMint } from '../../../support/probes/certificates.ts';
import {
  pacedClock,
  realFiles,
  run,
  targetOf,
  valueOf,
  verdictText,
  webUrl,
} from '../../../support/probes/probe.ts';
import { ServerSet } from '../../../support/servers/server-set.ts';
import { startProxy } from '../../../support/servers/proxy.ts';
import { closedPort, type TestServer } from '../../../support/servers/tcp.ts';
import { runProbe } from '../../../../src/probes/run.ts';
import { createResolver } from '../../../../src/probes/net/resolver.ts';

const servers = new ServerSet();
let mint: CertificateMint;

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

/** A proxy that is closed with the other servers. */
async function proxy({ refuse, secure = false }: { refuse?: number; secure?: boolean } = {}) {
  const options = { ...(refuse !== undefined && { refuse }), ...(secure && { tls: mint.leaf() }) };
  return servers.add(await startProxy(options));
}

describe('an http run through a proxy', () => {
  it('asks for the full URL by name, although the name is resolved here', async () => {
    const target = await servers.http((request, response) => response.end(request.headers.host));
    const through = await proxy();
    const result = await run(httpProber, `http://localhost:${target.port}/a?b=c`, {
      settings: {
        preferred_ip_protocol: 'ip4',
        proxy_url: `http://${through.address}`,
        fail_if_body_not_matches_regexp: [`^localhost:${target.port}$`],
      },
    });
    expect(verdictText(result)).toBe('success');
    expect(through.seen).toEqual([`GET http://localhost:${target.port}/a?b=c`]);
    expect(valueOf(result, 'probe_ip_protocol')).toBe(4);
    await target.idle();
  });

  it.each([
    ['a.test', 'GET http://a.test/x'],
    ['a b', 'GET http://localhost:1/x'],
  ])('asks with the virtual host %j that is meant for the target', async (Host, expected) => {
    let asked = '';
    const recording = await servers.tcp((socket) =>
      socket.once('data', (data: Buffer) => {
        asked = data.toString();
        socket.end('HTTP/1.1 200 OK\r\n\r\n');
      }),
    );
    await run(httpProber, 'http://localhost:1/x', {
      settings: { preferred_ip_protocol: 'ip4', headers: { Host }, proxy_url: `http://${recording.address}` },
    });
    expect(asked).toContain(`${expected} HTTP/1.1\r\n`);
  });

  it('leaves the name to the proxy where configured', async () => {
    const target = await servers.http((_request, response) => response.end());
    const through = await proxy();
    const result = await run(httpProber, `http://localhost:${target.port}/`, {
      settings: { proxy_url: `http://${through.address}`, skip_resolve_phase_with_proxy: true },
    });
    expect(verdictText(result)).toBe('success');
    expect(through.seen).toEqual([`GET http://localhost:${target.port}/`]);
    // only the proxy was resolved
    expect(valueOf(result, 'probe_ip_protocol')).toBeUndefined();
    expect(Object.keys(result.phases)).toEqual(['connect', 'processing', 'transfer']);
  });

  it.each([
    ['the negotiated protocol', true],
    ['http/1.1', false],
  ])('opens a tunnel for https and speaks %s in it', async (_protocol, enable_http2) => {
    const target = await servers.https(mint.leaf(), (_request, response) => response.end('hello'));
    const through = await proxy();
    const result = await run(httpProber, target.url, {
      settings: {
        preferred_ip_protocol: 'ip4',
        enable_http2,
        proxy_url: `http://me:pass@${through.address}`,
        proxy_connect_header: { 'X-Team': ['a', 'b'] },
        tls_config: { ca_file: mint.caFile },
      },
    });
    expect(verdictText(result)).toBe('success');
    expect(through.seen).toEqual([`CONNECT 127.0.0.1:${target.port}`]);
    expect(through.headers[0]).toMatchObject({
      'x-team': 'a, b',
      'proxy-authorization': `Basic ${Buffer.from('me:pass').toString('base64')}`,
    });
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'tls', 'processing', 'transfer']);
    await target.idle();
    await through.idle();
  });

  it('reaches the proxy itself over TLS', async () => {
    const target = await servers.https(mint.leaf(), (_request, response) => response.end('hello'));
    const through = await proxy({ secure: true });
    const result = await run(httpProber, target.url, {
      settings: {
        preferred_ip_protocol: 'ip4',
        proxy_url: `https://localhost:${through.port}`,
        tls_config: { ca_file: mint.caFile },
      },
    });
    expect(verdictText(result)).toBe('success');
    await through.idle();
  });

  it.each([
    [407, 'auth: The proxy rejects the credentials (HTTP status 407)'],
    [403, 'connect: The proxy refuses to connect to the target: HTTP status 403'],
    [502, 'connect: The proxy refuses to connect to the target: HTTP status 502'],
  ])('reports that the proxy refuses with %i', async (refuse, expected) => {
    const through = await proxy({ refuse });
    const result = await run(httpProber, 'https://localhost:1/', {
      settings: { preferred_ip_protocol: 'ip4', proxy_url: `http://${through.address}` },
    });
    expect(verdictText(result)).toBe(expected);
    await through.idle();
  });

  it('reports that the proxy cannot be reached', async () => {
    const port = await closedPort();
    const result = await run(httpProber, 'http://localhost:1/', {
      settings: { preferred_ip_protocol: 'ip4', proxy_url: `http://127.0.0.1:${port}` },
    });
    expect(verdictText(result)).toBe(`connect_refused: Connection refused by 127.0.0.1:${port}`);
  });

  it('reports that the proxy closes the connection, or does not speak HTTP', async () => {
    const silent = await servers.tcp((socket) => socket.once('data', () => socket.destroy()));
    const odd = await servers.raw('SSH-2.0-x\r\n');
    const settings = (server: TestServer) => ({
      preferred_ip_protocol: 'ip4',
      proxy_url: `http://${server.address}`,
    });
    for (const server of [silent, odd]) {
      const result = await run(httpProber, 'https://localhost:1/', { settings: settings(server) });
      expect(result.verdict).toMatchObject({ status: 'failure', reason: 'protocol' });
      await server.idle();
    }
  });

  it('ends at its deadline when the proxy is silent', async () => {
    const silent = await servers.tcp();
    const result = await run(httpProber, 'https://localhost:1/', {
      settings: { preferred_ip_protocol: 'ip4', proxy_url: `http://${silent.address}` },
      timeoutMs: 100,
    });
    expect(result.verdict).toMatchObject({ reason: 'connect_timeout' });
    await silent.idle();
  });

  it('connects directly where no_proxy says so', async () => {
    const target = await servers.http((_request, response) => response.end());
    const result = await run(httpProber, target.url, {
      settings: { proxy_url: `http://127.0.0.1:${await closedPort()}`, no_proxy: 'other.test' },
    });
    expect(verdictText(result)).toBe('success');
  });

  it.each([
    [{ HTTP_PROXY: 'PROXY' }, 'PROXY/'],
    [{ http_proxy: 'http://PROXY' }, 'PROXY/'],
    [{ HTTPS_PROXY: 'PROXY' }, undefined],
    [{ HTTP_PROXY: 'PROXY', NO_PROXY: '.example.test' }, undefined],
    [{ HTTP_PROXY: 'PROXY', no_proxy: 'other.test' }, 'PROXY/'],
    [{ HTTP_PROXY: 'bad url::' }, undefined],
    [{}, undefined],
  ])('reads the environment %j', async (environment, expected) => {
    const through = await proxy();
    const named = Object.entries(environment).map(([name, value]) => [
      name,
      value.replace('PROXY', through.address),
    ]);
    const probe = httpProber
      .schema({ ...realFiles, environment: Object.fromEntries(named) as Record<string, string> })
      .parse({ proxy_from_environment: true, preferred_ip_protocol: 'ip4' });
    const resolver = createResolver({ monotonic: () => performance.now() });
    await runProbe({
      probe,
      target: targetOf(httpProber, 'http://a.example.test:1/'),
      timeoutMs: 300,
      clock: pacedClock(),
      resolver: {
        lookup: (name, wanted) =>
          name.endsWith('.test')
            ? Promise.resolve([{ address: '192.0.2.1', family: 4 as const }])
            : resolver.lookup(name, wanted),
      },
    });
    expect(through.seen.length > 0 || through.accepted() > 0).toBe(expected !== undefined);
  });
});

describe('no_proxy', () => {
  it.each([
    ['*', 'any.test', 80, true],
    ['example.test', 'example.test', 80, true],
    ['example.test', 'a.example.test', 80, true],
    ['example.test', 'anexample.test', 80, false],
    ['.example.test', 'a.example.test', 80, true],
    ['.example.test', 'example.test', 80, false],
    ['*.example.test', 'a.example.test', 80, true],
    ['example.test:8080', 'example.test', 8_080, true],
    ['example.test:8080', 'example.test', 80, false],
    ['EXAMPLE.test', 'Example.TEST', 80, true],
    ['a.test, b.test', 'b.test', 80, true],
    ['192.0.2.1', '192.0.2.1', 80, true],
    ['192.0.2.1:81', '192.0.2.1', 80, false],
    ['192.0.2.0/24', '192.0.2.77', 80, true],
    ['192.0.2.0/24', '192.0.3.1', 80, false],
    ['2001:db8::/32', '2001:db8::1', 80, true],
    ['[2001:db8::1]:443', '2001:db8::1', 443, true],
    ['192.0.2.0/99', '192.0.2.1', 80, false],
    ['x', 'localhost', 80, true],
    ['x', '127.9.9.9', 80, true],
    ['x', '::1', 80, true],
    ['', 'example.test', 80, false],
    [',,', 'example.test', 80, false],
  ])('%s covers %s, port %i: %s', (list, host, port, expected) => {
    expect(new NoProxy(list).covers(host, port)).toBe(expected);
  });

  it('never throws, and covers every listed name', () => {
    fc.assert(
      fc.property(fc.string(), fc.domain(), (noise, name) => {
        new NoProxy(noise).covers(name, 1);
        return new NoProxy(`${noise.replaceAll(',', '')},${name}`).covers(name, 80);
      }),
    );
  });

  it('is checked with the address too', () => {
    const url = new URL('http://proxy.test:3128');
    const rules = {
      http: url,
      https: url,
      except: new NoProxy('192.0.2.0/24'),
      connectHeaders: [],
      resolvesTarget: false,
    };
    expect(proxyFor(rules, webUrl('http://a.test/'), '192.0.2.1')).toBeUndefined();
    expect(proxyFor(rules, webUrl('https://a.test/'), '198.51.100.1')).toBe(url);
  });
});

it.each([
  ['proxy.test:3128', 'http://proxy.test:3128/'],
  ['https://proxy.test', 'https://proxy.test/'],
  ['socks5://u:p%40@proxy.test', 'socks5://u:p%40@proxy.test'],
  ['SOCKS5H://[::1]:9', 'socks5h://[::1]:9'],
  ['socks4://proxy.test', undefined],
  ['socks5://', undefined],
  ['http://u:%zz@proxy.test', undefined],
  ['http://', undefined],
  ['', undefined],
])('the URL of a proxy: %s', (text, expected) => {
  expect(parseProxyUrl(text)?.href).toBe(expected);
});
