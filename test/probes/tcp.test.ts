import { readFileSync } from 'node:fs';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hostPort } from '../../src/probes/net/host-port.ts';
import { NameNotFoundError, ResolverUnavailableError } from '../../src/probes/net/resolver.ts';
import { tcpProber } from '../../src/probes/tcp.ts';
import { CertificateMint } from '../support/probes/certificates.ts';
import { exposedFamilies, refusals, run, valueOf, verdictText } from '../support/probes/probe.ts';
import { closedPort, listen, startTcp, type TestServer } from '../support/servers/tcp.ts';

let mint: CertificateMint;
const servers: TestServer[] = [];

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function tcp(handle?: Parameters<typeof startTcp>[0]): Promise<TestServer> {
  const server = await startTcp(handle);
  servers.push(server);
  return server;
}

async function tls(options: TlsOptions, handle?: (socket: TLSSocket) => void): Promise<TestServer> {
  const plain = createServer(options, handle);
  plain.on('tlsClientError', () => undefined);
  const server = await listen(plain);
  servers.push(server);
  return server;
}

describe('a tcp run', () => {
  it('succeeds when the port accepts the connection, and leaves none open', async () => {
    const server = await tcp();
    const result = await run(tcpProber, server.address);
    expect(verdictText(result)).toBe('success');
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect']);
    expect(valueOf(result, 'tocsin_probe_phase_duration_seconds', { phase: 'connect' })).toBeGreaterThan(0);
    expect(valueOf(result, 'probe_ip_protocol')).toBe(4);
    await server.idle();
    expect(server.accepted()).toBe(1);
  });

  it('reports that nothing listens', async () => {
    const port = await closedPort();
    expect(
      verdictText(await run(tcpProber, `localhost:${port}`, { settings: { preferred_ip_protocol: 'ip4' } })),
    ).toBe(`connect_refused: Connection refused by localhost:${port} (127.0.0.1)`);
  });

  it('reports that a name does not exist', async () => {
    const resolver = {
      lookup: () => Promise.reject(new NameNotFoundError('The name nowhere.test does not exist')),
    };
    const result = await run(tcpProber, 'nowhere.test:1', { resolver });
    expect(verdictText(result)).toBe('dns: The name nowhere.test does not exist');
    expect(valueOf(result, 'probe_dns_lookup_time_seconds')).toBeGreaterThanOrEqual(0);
    expect(valueOf(result, 'probe_ip_protocol')).toBeUndefined();
  });

  it('is unknown when no name server can be asked', async () => {
    const resolver = { lookup: () => Promise.reject(new ResolverUnavailableError('No name server')) };
    const { verdict } = await run(tcpProber, 'nowhere.test:1', { resolver });
    expect(verdict).toEqual({ status: 'unknown', reason: 'agent_resolver', text: 'No name server' });
  });

  it('connects from the configured address', async () => {
    const from: (string | undefined)[] = [];
    const server = await tcp((socket) => from.push(socket.remoteAddress));
    const result = await run(tcpProber, server.address, { settings: { source_ip_address: '127.0.0.9' } });
    expect(verdictText(result)).toBe('success');
    expect(from).toEqual(['127.0.0.9']);
  });

  it.each([
    ['192.0.2.1', 'config: source_ip_address 192.0.2.1 is not an address of this host'],
    ['::1', 'config: source_ip_address ::1 cannot reach 127.0.0.1: one is IPv4, the other IPv6'],
  ])('fails with config when it cannot connect from %s', async (source_ip_address, expected) => {
    const server = await tcp();
    expect(verdictText(await run(tcpProber, server.address, { settings: { source_ip_address } }))).toBe(
      expected,
    );
  });

  it('exposes what its golden file says, with TLS', async () => {
    const server = await tls(mint.leaf(), (socket) => socket.end('ready 7\n'));
    const result = await run(tcpProber, `localhost:${server.port}`, {
      settings: {
        preferred_ip_protocol: 'ip4',
        tls: true,
        tls_config: { ca_file: mint.caFile },
        query_response: [{ expect: '^ready (.*)$', labels: [{ name: 'banner', value: '$1' }] }],
      },
    });
    expect(verdictText(result)).toBe('success');
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/tcp.txt', 'utf8'));
    await server.idle();
  });

  it('fails with timeout when the TLS handshake never happens, and closes the connection', async () => {
    const server = await tcp();
    const result = await run(tcpProber, server.address, { settings: { tls: true }, timeoutMs: 1_000 });
    expect(verdictText(result)).toBe('timeout: Request timed out after 1s during the TLS handshake');
    expect(result.phases.tls).toBeGreaterThan(0.05);
    await server.idle();
  });

  it('fails with tls when the server answers the handshake with something else', async () => {
    const server = await tcp((socket) => socket.write('220 mail.example ESMTP\r\n'));
    expect(verdictText(await run(tcpProber, server.address, { settings: { tls: true } }))).toBe(
      'tls: TLS handshake failed: the server does not speak TLS',
    );
    await server.idle();
  });

  it('fails with tls when the server closes the connection in the handshake', async () => {
    const server = await tcp((socket) => socket.once('data', () => socket.destroy()));
    expect(verdictText(await run(tcpProber, server.address, { settings: { tls: true } }))).toBe(
      'tls: TLS handshake failed: the server closed the connection',
    );
  });
});

describe('tcp settings', () => {
  it.each([
    [{ source_ip_address: 'localhost' }, 'source_ip_address: expected an IP address of this host'],
    [{ preferred_ip_protocol: 'ip5' }, 'preferred_ip_protocol: Invalid option: expected one of "ip4"|"ip6"'],
    [
      { query_response: [{ expect: '(' }] },
      expect.stringContaining('query_response.0.expect: "(" is not a regular'),
    ],
    [
      { query_response: [{ expect: 'a', expect_bytes: 'a' }] },
      'query_response.0.expect_bytes: expect and expect_bytes are both given; expected one (two steps wait for both)',
    ],
    [
      { query_response: [{ expect: 'a', labels: [{ name: '__a' }] }] },
      'query_response.0.labels.0.name: expected the name of a label such as version',
    ],
    [
      { query_response: [{ send_bytes: 'xyz' }] },
      'query_response.0.send_bytes: expected bytes in hexadecimal such as "00 00 00 08 04 d2 16 2f"',
    ],
    [{ query_response: [{ sned: 'a' }] }, 'query_response.0: Unrecognized key: "sned"'],
    [
      { tls: true, tls_config: { cert_file: '/dev/null' } },
      'tls_config: cert_file and key_file belong together; give both or neither',
    ],
  ])('%j is refused', (settings, expected) => {
    expect(refusals(tcpProber, settings)).toEqual([expected]);
  });
});

describe('a tcp address', () => {
  it.each([
    ['db.example:5432', { host: 'db.example', port: 5432 }],
    ['[::1]:80', { host: '::1', port: 80 }],
    ['192.0.2.7:65535', { host: '192.0.2.7', port: 65_535 }],
  ])('%s is read', (address, expected) => {
    expect(hostPort(address)).toEqual(expected);
    expect(tcpProber.target(address)).toEqual({ label: address, host: expected.host });
  });

  it.each([
    ['db.example', '"db.example" has no port'],
    ['db.example:0', 'port 0 is not in the range 1 to 65535'],
    ['db.example:65536', 'port 65536 is not in the range 1 to 65535'],
    ['[db]:80', '"[db]" is not an IPv6 address'],
    ['tcp://user:hunter2@db:1', 'a URL was given'],
    ['', '"" has no port'],
    ['a b:80', '"a b:80" is not an address'],
  ])('%s is refused', (address, expected) => {
    const read = tcpProber.target(address);
    expect('problem' in read ? read.problem : 'taken').toContain(expected);
    expect(JSON.stringify(read)).not.toContain('hunter2');
  });

  it('is never misread: any text is refused or survives a round trip', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.tuple(fc.domain(), fc.nat(70_000)).map(([h, p]) => `${h}:${p}`),
        ),
        (address) => {
          const read = hostPort(address);
          if ('problem' in read) return true;
          const host = read.host.includes(':') ? `[${read.host}]` : read.host;
          return (
            Number(address.slice(address.lastIndexOf(':') + 1)) === read.port &&
            address.startsWith(`${host}:`)
          );
        },
      ),
    );
  });
});
