import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createResolver, type Resolver, type ResolverOptions } from '../../../src/probes/net/resolver.ts';
import { startDns, type DnsTestServer } from '../../support/servers/dns.ts';

let folder: string;
let server: DnsTestServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tocsin-dns-'));
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n192.0.2.9 Listed.test alias\n');
  writeFileSync(join(folder, 'resolv.conf'), 'search one.test two.test\noptions ndots:2\n');
  server = await startDns({
    'both.test': { a: ['192.0.2.1', '192.0.2.2'], aaaa: ['2001:db8::1'] },
    'four.test': { a: ['192.0.2.4'] },
    'short.two.test': { a: ['192.0.2.5'] },
    'broken.test': 'SERVFAIL',
    'refused.test': 'REFUSED',
    'silent.test': 'silent',
    'listed.test': { a: ['192.0.2.99'] },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

function resolver(options: Partial<ResolverOptions> = {}): Resolver {
  return createResolver({
    monotonic: () => performance.now(),
    hostsFile: join(folder, 'hosts'),
    resolvConf: join(folder, 'none'),
    servers: [server.address],
    ...options,
  });
}

function lookup(
  name: string,
  options: { prefer?: 4 | 6; fallback?: boolean; from?: Resolver; signal?: AbortSignal } = {},
): Promise<string> {
  const { prefer = 6, fallback = true, from = resolver(), signal = new AbortController().signal } = options;
  return from.lookup(name, { prefer, fallback, signal }).then(
    (found) => found.map(({ address, family }) => `${address}/${family}`).join(' '),
    (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : 'odd'),
  );
}

describe('a name', () => {
  it.each<[string, 4 | 6, boolean, string]>([
    ['both.test', 6, true, '2001:db8::1/6'],
    ['both.test', 4, true, '192.0.2.1/4 192.0.2.2/4'],
    ['BOTH.test.', 4, false, '192.0.2.1/4 192.0.2.2/4'],
    ['four.test', 6, true, '192.0.2.4/4'],
    ['four.test', 6, false, 'NameNotFoundError: The name four.test has no IPv6 address'],
    ['nowhere.test', 6, true, 'NameNotFoundError: The name nowhere.test does not exist'],
    ['broken.test', 4, false, 'NameNotFoundError: The name broken.test cannot be resolved (ESERVFAIL)'],
    [
      'refused.test',
      6,
      true,
      'ResolverUnavailableError: No name server of this host could be queried for refused.test (EREFUSED)',
    ],
    ['listed.TEST', 6, true, '192.0.2.9/4'],
    ['alias', 4, false, '192.0.2.9/4'],
    ['alias', 6, false, 'NameNotFoundError: alias has no IPv6 address, and ip_protocol_fallback is off'],
    ['localhost', 6, true, '::1/6'],
    ['localhost', 4, true, '127.0.0.1/4'],
    ['192.0.2.77', 6, true, '192.0.2.77/4'],
    [
      '192.0.2.77',
      6,
      false,
      'NameNotFoundError: 192.0.2.77 has no IPv6 address, and ip_protocol_fallback is off',
    ],
    ['2001:db8::7', 4, true, '2001:db8::7/6'],
  ])('%s, IPv%i preferred, fallback %j', async (name, prefer, fallback, expected) => {
    expect(await lookup(name, { prefer, fallback })).toBe(expected);
  });

  it('is completed by the search domains when it is short', async () => {
    const before = server.questions.length;
    const from = resolver({ resolvConf: join(folder, 'resolv.conf') });
    expect(await lookup('short', { prefer: 4, fallback: false, from })).toBe('192.0.2.5/4');
    expect(server.questions.slice(before)).toEqual(['short.one.test a', 'short.two.test a']);
  });

  it('is given up as soon as the signal aborts when the name server is silent', async () => {
    const controller = new AbortController();
    const found = lookup('silent.test', { signal: controller.signal });
    controller.abort();
    expect(await found).toBe('Error: aborted');
  });

  it('cannot be resolved without a name server', async () => {
    const dead = await startDns({});
    await dead.close();
    expect(await lookup('both.test', { from: resolver({ servers: [dead.address] }) })).toBe(
      'ResolverUnavailableError: No name server of this host could be queried for both.test (ECONNREFUSED)',
    );
  });

  it("is the agent's fault when the hosts file cannot be read", async () => {
    expect(await lookup('listed.test', { from: resolver({ hostsFile: folder }) })).toBe(
      'ResolverUnavailableError: The hosts file of this host cannot be read (it is a directory; name a file in it)',
    );
  });

  it('is taken from the last content of the hosts file when that can no longer be read', async () => {
    let now = 0;
    const hostsFile = join(folder, 'vanishing');
    writeFileSync(hostsFile, '192.0.2.12 vanishing.test');
    const from = resolver({ hostsFile, monotonic: () => now });
    expect(await lookup('vanishing.test', { from })).toBe('192.0.2.12/4');
    rmSync(hostsFile);
    mkdirSync(hostsFile);
    now = 10_001;
    expect(await lookup('vanishing.test', { from })).toBe('192.0.2.12/4');
  });

  it('is read from the hosts file again when the cached content is old', async () => {
    let now = 0;
    const hostsFile = join(folder, 'changing');
    writeFileSync(hostsFile, '192.0.2.10 changing.test');
    const from = resolver({ hostsFile, monotonic: () => now });
    expect(await lookup('changing.test', { from })).toBe('192.0.2.10/4');
    writeFileSync(hostsFile, '192.0.2.11 changing.test');
    now = 9_999;
    expect(await lookup('changing.test', { from })).toBe('192.0.2.10/4');
    now = 10_001;
    expect(await lookup('changing.test', { from })).toBe('192.0.2.11/4');
  });
});
