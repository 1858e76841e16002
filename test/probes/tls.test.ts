import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createServer, TLSSocket, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { tlsProber } from '../../src/probes/tls.ts';
import { CertificateMint, type Minted } from '../support/probes/certificates.ts';
import { exposedFamilies, labelsOf, refusals, run, valueOf, verdictText } from '../support/probes/probe.ts';
import { ServerSet } from '../support/servers/server-set.ts';
import { closedPort, listen, type TestServer } from '../support/servers/tcp.ts';

let mint: CertificateMint;
let good: Minted;
const servers = new ServerSet();

beforeAll(() => {
  mint = new CertificateMint();
  good = mint.leaf();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

async function tls(options: TlsOptions): Promise<TestServer> {
  const plain = createServer(options, (socket) => socket.on('error', () => undefined));
  plain.on('tlsClientError', () => undefined);
  return servers.add(await listen(plain));
}

const probe = ({ port }: TestServer, settings: Readonly<Record<string, unknown>> = {}, timeoutMs = 2_000) =>
  run(tlsProber, `localhost:${port}`, {
    settings: { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile }, ...settings },
    timeoutMs,
  });

describe('a tls run', () => {
  it('succeeds and exposes what its golden file says', async () => {
    const server = await tls(good);
    const result = await probe(server);
    expect(verdictText(result)).toBe('success');
    expect(exposedFamilies(result)).toBe(readFileSync('test/probes/golden/tls.txt', 'utf8'));
    expect(Object.keys(result.phases)).toEqual(['resolve', 'connect', 'tls']);
    await server.idle();
  });

  it.each<[string, () => TlsOptions, string]>([
    ['expired', () => mint.expired(), 'tls_expired: The certificate expired at 2021-01-01T00:00:00Z'],
    [
      'self-signed',
      () => mint.selfSigned(),
      'tls_untrusted: The certificate is not trusted: it is self-signed',
    ],
    [
      'for another name',
      () => mint.leaf({ names: ['DNS:other.test'] }),
      'tls_name: The certificate is not valid for localhost',
    ],
    [
      'not valid yet',
      () => mint.leaf({ from: '20310101000000Z', to: '20320101000000Z' }),
      'tls_expired: The certificate is not valid before 2031-01-01T00:00:00Z',
    ],
    [
      'without its intermediate',
      () => {
        const { cert, key } = mint.leaf({ issuer: 'intermediate' });
        return { key, cert: cert.slice(0, cert.indexOf('-----END CERTIFICATE-----') + 26) };
      },
      'tls_untrusted: The certificate is not trusted: its issuer is not trusted, or the server leaves out intermediate certificates',
    ],
  ])('exposes the metrics of a certificate that is %s', async (_what, make, expected) => {
    const server = await tls(make());
    const result = await probe(server);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'tocsin_probe_tls_leaf_expiry_timestamp_seconds')).toBeGreaterThan(1.6e9);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(1.6e9);
    expect(labelsOf(result, 'probe_ssl_last_chain_info')).toHaveProperty('fingerprint_sha256');
    expect(labelsOf(result, 'probe_tls_version_info')).toEqual({ version: 'TLS 1.3' });
    await server.idle();
  });

  it('exposes when the leaf expires, and when the first of the chain does', async () => {
    const server = await tls(mint.leaf({ issuer: 'intermediate', to: '20400101000000Z' }));
    const result = await probe(server);
    expect(valueOf(result, 'tocsin_probe_tls_leaf_expiry_timestamp_seconds')).toBe(Date.UTC(2040, 0) / 1_000);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBe(Date.UTC(2033, 0) / 1_000);
  });

  it.each([
    ['1d', 'success'],
    [
      '3600d',
      expect.stringMatching(
        /^threshold: A certificate expires at 2032-01-01T00:00:00Z, which is within expires_within \(.+\)$/,
      ),
    ],
  ])('with expires_within %s: %s', async (expires_within, expected) => {
    const result = await probe(await tls(good), { expires_within });
    expect(verdictText(result)).toEqual(expected);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBe(Date.UTC(2032, 0) / 1_000);
  });

  it('reports that a certificate has expired rather than that it will soon', async () => {
    const result = await probe(await tls(mint.expired()), { expires_within: '30d' });
    expect(result.verdict).toMatchObject({ reason: 'tls_expired' });
  });

  it('asks for server_name and verifies it', async () => {
    const server = await tls(mint.leaf({ names: ['DNS:shop.test'] }));
    expect(verdictText(await probe(server, { server_name: 'shop.test' }))).toBe('success');
    expect(verdictText(await probe(server, { server_name: 'else.test' }))).toBe(
      'tls_name: The certificate is not valid for else.test',
    );
  });

  it.each<[string, TlsOptions, Readonly<Record<string, unknown>>, string]>([
    ['a version that both support', { maxVersion: 'TLSv1.2' }, { min_version: 'TLS12' }, 'success'],
    [
      'no version that both support',
      { maxVersion: 'TLSv1.2' },
      { min_version: 'TLS13' },
      'tls: TLS handshake failed: no common TLS version',
    ],
    [
      'an old version that is allowed',
      { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' },
      { min_version: 'TLS10', max_version: 'TLS10' },
      'success',
    ],
  ])('with %s', async (_what, server, tls_config, expected) => {
    const result = await probe(await tls({ ...good, ...server }), {
      tls_config: { ca_file: mint.caFile, ...tls_config },
    });
    expect(verdictText(result)).toBe(expected);
  });

  it.each<[string, (socket: Socket) => void, string]>([
    [
      'sends something else',
      (socket) => socket.write('220 hello\r\n'),
      'tls: TLS handshake failed: the server does not speak TLS',
    ],
    ['hangs up', (socket) => socket.end(), 'tls: TLS handshake failed: the server closed the connection'],
    [
      'resets the connection',
      (socket) => socket.once('data', () => socket.resetAndDestroy()),
      'tls: TLS handshake failed: the server closed the connection',
    ],
    ['is silent', () => undefined, 'timeout: Request timed out after 1s during the TLS handshake'],
  ])('fails when the server %s', async (_what, handle, expected) => {
    const server = await servers.tcp(handle);
    const result = await probe(server, {}, 1_000);
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeUndefined();
    await server.idle();
  });

  it('fails with connect_refused when nothing listens', async () => {
    const result = await run(tlsProber, `127.0.0.1:${await closedPort()}`);
    expect(result.verdict).toMatchObject({ reason: 'connect_refused' });
  });
});

type Lines = readonly (readonly [heard: RegExp | undefined, said: string])[];

/** Plays a server of some protocol: answers each line with a line, then changes to TLS after the last. */
async function playing(lines: Lines, secure = true): Promise<TestServer> {
  return servers.tcp((socket) => {
    const left = [...lines];
    const next = (data?: Buffer): void => {
      const [line] = left;
      if (line === undefined || (line[0] === undefined) !== (data === undefined)) return;
      if (line[0] !== undefined && data?.toString('latin1').match(line[0]) === null) {
        socket.end('unexpected\r\n');
        return;
      }
      left.shift();
      const last = left.length === 0 && secure;
      if (last) socket.removeListener('data', next);
      socket.write(Buffer.from(line[1], 'latin1'), () => {
        if (last)
          new TLSSocket(socket, { isServer: true, cert: good.cert, key: good.key }).on(
            'error',
            () => undefined,
          );
      });
    };
    socket.on('data', next);
    next();
  });
}

const LDAP_YES = '\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00';
const LDAP_NO = '\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00';
const LDAP_ASK = /^0.{8}1\.3\.6\.1\.4\.1\.1466\.20037$/s;
const PG_ASK = /^.{5}\xd2.\x2f$/s;

describe('a tls run with starttls', () => {
  it.each<[string, Lines]>([
    [
      'smtp',
      [
        [undefined, '220 mail\r\n'],
        [/^EHLO /, '250-mail\r\n250-SIZE 1\r\n250 STARTTLS\r\n'],
        [/^STARTTLS/, '220 go\r\n'],
      ],
    ],
    [
      'smtp',
      [
        [undefined, '220-mail\r\n220 ready\r\n'],
        [/^EHLO /, '250-mail\r\n250-starttls\r\n250 OK\r\n'],
        [/^STARTTLS/, '220 go\r\n'],
      ],
    ],
    [
      'imap',
      [
        [undefined, '* OK ready\r\n'],
        [/^t1 STARTTLS/, '* CAPABILITY x\r\nt1 OK begin\r\n'],
      ],
    ],
    [
      'pop3',
      [
        [undefined, '+OK ready\r\n'],
        [/^STLS/, '+OK begin\r\n'],
      ],
    ],
    [
      'ftp',
      [
        [undefined, '220-hello\r\nand more\r\n220 ready\r\n'],
        [/^AUTH TLS/, '234 begin\r\n'],
      ],
    ],
    ['postgres', [[PG_ASK, 'S']]],
    ['ldap', [[LDAP_ASK, LDAP_YES]]],
  ])('%s continues over TLS', async (starttls, lines) => {
    const server = await playing(lines);
    const result = await probe(server, { starttls });
    expect(verdictText(result)).toBe('success');
    expect(Object.keys(result.phases).sort()).toEqual(['connect', 'processing', 'resolve', 'tls']);
    await server.idle();
  });

  it.each<[string, Lines, string]>([
    ['smtp', [[undefined, '554 no\r\n']], 'reply: The server answers its greeting with 554 no'],
    [
      'smtp',
      [
        [undefined, '220 a\r\n'],
        [/EHLO/, '250 a\r\n'],
      ],
      'protocol: The server does not offer STARTTLS',
    ],
    [
      'smtp',
      [
        [undefined, '220 a\r\n'],
        [/EHLO/, '502 what?\r\n'],
      ],
      'reply: The server answers EHLO with 502 what?',
    ],
    [
      'smtp',
      [
        [undefined, '220 a\r\n'],
        [/EHLO/, '250 STARTTLS\r\n'],
        [/STARTTLS/, '454 not now\r\n'],
      ],
      'reply: The server answers STARTTLS with 454 not now',
    ],
    [
      'smtp',
      [[undefined, '* OK imap\r\n']],
      'protocol: The server does not speak that protocol; it sent "* OK imap"',
    ],
    ['imap', [[undefined, '* BYE busy\r\n']], 'reply: The server answers * BYE busy'],
    [
      'imap',
      [[undefined, '220 smtp\r\n']],
      'protocol: The server does not speak that protocol; it sent "220 smtp"',
    ],
    [
      'imap',
      [
        [undefined, '* OK\r\n'],
        [/t1/, 't1 BAD no\r\n'],
      ],
      'reply: The server answers STARTTLS with BAD no',
    ],
    [
      'imap',
      [
        [undefined, '* OK\r\n'],
        [/t1/, 'what\r\n'],
      ],
      'protocol: The server does not speak that protocol; it sent "what"',
    ],
    ['pop3', [[undefined, '-ERR busy\r\n']], 'reply: The server answers its greeting with -ERR busy'],
    [
      'pop3',
      [
        [undefined, '+OK\r\n'],
        [/STLS/, '-ERR no\r\n'],
      ],
      'reply: The server answers STLS with -ERR no',
    ],
    ['pop3', [[undefined, 'hm\r\n']], 'protocol: The server does not speak that protocol; it sent "hm"'],
    [
      'ftp',
      [
        [undefined, '220 a\r\n'],
        [/AUTH/, '530 no\r\n'],
      ],
      'reply: The server answers AUTH TLS with 530 no',
    ],
    ['postgres', [[PG_ASK, 'N']], 'reply: The server does not support TLS'],
    ['postgres', [[PG_ASK, 'E']], 'protocol: The server does not speak the protocol of PostgreSQL'],
    ['ldap', [[LDAP_ASK, LDAP_NO]], 'reply: The server refuses StartTLS with LDAP result 2'],
    ['ldap', [[LDAP_ASK, 'HTTP/1.1 400']], 'protocol: The server does not speak LDAP'],
    ['ldap', [[LDAP_ASK, '\x30\x03abc']], 'protocol: The server does not speak LDAP'],
  ])('%s is refused: %j', async (starttls, lines, expected) => {
    const server = await playing(lines, false);
    const result = await probe(server, { starttls });
    expect(verdictText(result)).toBe(expected);
    await server.idle();
  });

  it.each(['smtp', 'imap', 'pop3', 'ftp', 'postgres', 'ldap'])(
    '%s: the server closes the connection',
    async (starttls) => {
      const server = await servers.tcp((socket) => socket.end());
      expect(verdictText(await probe(server, { starttls }))).toBe(
        'protocol: The server closed the connection before TLS began',
      );
    },
  );

  it.each(['smtp', 'imap', 'pop3', 'ftp', 'postgres', 'ldap'])(
    '%s: the server is silent',
    async (starttls) => {
      const server = await servers.tcp();
      expect(verdictText(await probe(server, { starttls }, 1_000))).toBe(
        'timeout: Request timed out after 1s while waiting for the answer',
      );
      await server.idle();
    },
  );

  it('cuts off an endless answer', async () => {
    const server = await servers.tcp((socket) => socket.write('220-x\r\n'.repeat(300)));
    expect(verdictText(await probe(server, { starttls: 'smtp' }))).toBe(
      'protocol: The reply of the server does not end',
    );
  });
});

describe('tls settings', () => {
  it.each<[Readonly<Record<string, unknown>>, unknown]>([
    [{ starttls: 'xmpp' }, expect.stringContaining('starttls: Invalid option')],
    [{ expires_within: '0s' }, 'expires_within: expected a duration longer than 0'],
    [{ expires_within: 30 }, expect.stringContaining('30 has no unit')],
    [
      { server_name: 'a', tls_config: { server_name: 'b' } },
      'server_name: server_name and tls_config.server_name are both given; expected one',
    ],
    [{ server_names: 'a' }, ': Unrecognized key: "server_names"'],
  ])('%j are refused', (settings, expected) => {
    expect(refusals(tlsProber, settings)).toEqual([expected]);
  });

  it('accept certificates inline in the configuration', async () => {
    const result = await probe(await tls(good), { tls_config: { ca: mint.ca } });
    expect(verdictText(result)).toBe('success');
  });
});
