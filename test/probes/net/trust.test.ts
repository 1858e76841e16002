import { execFileSync } from 'node:child_process';
import { createServer, type TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  certificateNamesOf,
  isIssuedFor,
  serverNameIndication,
} from '../../../src/probes/net/tls/certificate-names.ts';
import { readCertificates } from '../../../src/probes/net/tls/pem.ts';
import type { Prober } from '../../../src/probes/prober.ts';
import { grpcProber } from '../../../src/probes/grpc.ts';
import { httpProber } from '../../../src/probes/http.ts';
import { redisProber } from '../../../src/probes/redis.ts';
import { runProbe } from '../../../src/probes/run.ts';
import { tcpProber } from '../../../src/probes/tcp.ts';
import { tlsProber } from '../../../src/probes/tls.ts';
import { CertificateMint, type Minted } from '../../support/probes/certificates.ts';
import {
  hostsResolver,
  pacedClock,
  probeOf,
  refusals,
  targetOf,
  valueOf,
  verdictText,
} from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';
import { listen, type TestServer } from '../../support/servers/tcp.ts';

let mint: CertificateMint;
const servers = new ServerSet();

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

type Settings = Readonly<Record<string, unknown>>;

/** Probers that speak TLS from the first byte: how an address is written, and which settings enable TLS. */
const PROBERS: readonly (readonly [name: string, Prober, (host: string) => string, Settings])[] = [
  ['http', httpProber, (host) => `https://${host}/`, {}],
  ['tls', tlsProber, (host) => host, {}],
  ['tcp', tcpProber, (host) => host, { tls: true }],
  ['grpc', grpcProber, (host) => host, { tls: true }],
  ['redis', redisProber, (host) => `rediss://${host}`, {}],
];

/** Answers HTTP; requests no client certificate, and records the requested names. */
async function serve(options: TlsOptions, asked: string[] = []): Promise<TestServer> {
  const SNICallback = (name: string, done: (error: null) => void) => done((asked.push(name), null));
  const server = createServer({ SNICallback, ...options }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
  });
  server.on('tlsClientError', () => undefined);
  return servers.add(await listen(server));
}

/** Runs of one service against one host after another. */
function runsOf(prober: Prober, settings: Settings) {
  const probe = probeOf(prober, {
    ...(prober.type !== 'redis' && { preferred_ip_protocol: 'ip4' }),
    ...settings,
  });
  return (address: string) =>
    runProbe({
      probe,
      target: targetOf(prober, address),
      timeoutMs: 5_000,
      resolver: hostsResolver(),
      clock: pacedClock(),
    });
}

const DAY = 86_400_000;
const asOpenSsl = (time: number) => `${new Date(time).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;

describe('two servers with the same certificate and another chain', () => {
  it.each(PROBERS)('each have their own expiry (%s)', async (_name, prober, address, on) => {
    const leaf = mint.leaf({ issuer: 'intermediate' });
    const soon = Math.floor(Date.now() / 1_000) * 1_000 + 4 * DAY;
    const [own = ''] = leaf.cert.match(/[^]*?-----END CERTIFICATE-----\n/) ?? [];
    const [long, short] = await Promise.all([
      serve(leaf),
      serve({ ...leaf, cert: own + mint.otherIntermediate(asOpenSsl(soon)) }),
    ]);
    const run = runsOf(prober, { ...on, tls_config: { ca_file: mint.caFile } });
    const expiries = async ({ port }: TestServer) => {
      const result = await run(address(`localhost:${port}`));
      return ['probe_ssl_earliest_cert_expiry', 'probe_ssl_last_chain_expiry_timestamp_seconds'].map(
        (family) => valueOf(result, family),
      );
    };
    const late = Date.UTC(2032, 0, 1) / 1_000;
    // grpc has no such family, as in blackbox_exporter
    const ofChain = (expiry: number) => (prober.type === 'grpc' ? undefined : expiry);
    for (let round = 0; round < 2; round += 1) {
      expect(await expiries(long)).toEqual([late, ofChain(late)]);
      expect(await expiries(short)).toEqual([soon / 1_000, ofChain(soon / 1_000)]);
    }
  });

  it('are each judged by their own chain (expires_within)', async () => {
    const leaf = mint.leaf({ issuer: 'intermediate' });
    const [own = ''] = leaf.cert.match(/[^]*?-----END CERTIFICATE-----\n/) ?? [];
    const short = await serve({
      ...leaf,
      cert: own + mint.otherIntermediate(asOpenSsl(Date.now() + 4 * DAY)),
    });
    const long = await serve(leaf);
    const run = runsOf(tlsProber, { expires_within: '14d', tls_config: { ca_file: mint.caFile } });
    expect(verdictText(await run(`localhost:${long.port}`))).toBe('success');
    expect(verdictText(await run(`localhost:${short.port}`))).toContain(
      'threshold: A certificate expires at',
    );
  });

  it('exposes the expiry of the best chain where more than one can be built', async () => {
    const leaf = mint.leaf({ issuer: 'intermediate' });
    // the other certificate that the server sends has expired, and the trusted one has not
    const [own = ''] = leaf.cert.match(/[^]*?-----END CERTIFICATE-----\n/) ?? [];
    const server = await serve({
      ...leaf,
      cert: own + mint.otherIntermediate(asOpenSsl(Date.now() + 4 * DAY)),
    });
    const ca = mint.write('both.pem', mint.ca + mint.intermediate);
    const run = runsOf(tlsProber, { tls_config: { ca_file: ca } });
    const result = await run(`localhost:${server.port}`);
    expect(verdictText(result)).toBe('success');
    expect(valueOf(result, 'probe_ssl_last_chain_expiry_timestamp_seconds')).toBe(
      Date.UTC(2032, 0, 1) / 1_000,
    );
  });
});

describe('the name of a certificate', () => {
  it.each([
    ['DNS:nas.lan', 'nas.lan', true],
    ['DNS:*.lan', 'nas.lan', true],
    ['DNS:*.example.test', 'a.example.test', true],
    ['DNS:*.example.test', 'A.Example.TEST.', true],
    ['DNS:*.example.test', 'a.b.example.test', false],
    ['DNS:*.example.test', 'example.test', false],
    ['DNS:*.example.test', '.example.test', false],
    ['DNS:f*.example.test', 'foo.example.test', false],
    ['DNS:*o.example.test', 'foo.example.test', false],
    ['DNS:a.*.test', 'a.b.test', false],
    ['DNS:*', 'lan', false],
    ['DNS:example.test.', 'example.test', false],
    ['DNS:my_host.test', 'my_host.test', true],
    ['DNS:127.0.0.1', '127.0.0.1', false],
    ['IP Address:127.0.0.1', '127.0.0.1', true],
    ['IP Address:127.0.0.1', '::ffff:127.0.0.1', true],
    ['IP Address:0:0:0:0:0:0:0:1', '::1', true],
    ['IP Address:FE80:0:0:0:0:0:0:1', 'fe80::1%eth0', true],
    ['IP Address:10.0.0.1', '10.0.0.2', false],
    [undefined, 'localhost', false],
  ])('%s is for %s: %j', (names, host, expected) => {
    expect(isIssuedFor(certificateNamesOf(names), host)).toBe(expected);
  });

  it('matches exactly one label in its place when it is a wildcard', () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?$/);
    // numbers alone would be an IP address
    const domain = fc.array(label, { maxLength: 2 }).map((labels) => [...labels, 'test'].join('.'));
    fc.assert(
      fc.property(domain, fc.array(label, { maxLength: 3 }), (below, labels) => {
        const names = certificateNamesOf(`DNS:*.${below}`);
        expect(isIssuedFor(names, [...labels, below].join('.'))).toBe(labels.length === 1);
      }),
    );
  });

  it('is never a common name, and never a part of a label', () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    fc.assert(
      fc.property(label, label, label, (before, after, between) => {
        const names = certificateNamesOf(`DNS:${before}*${after}.test`);
        expect(isIssuedFor(names, `${before}${between}${after}.test`)).toBe(false);
        expect(isIssuedFor(certificateNamesOf(undefined), before)).toBe(false);
      }),
    );
  });

  it.each<[string, () => Minted]>([
    ['a common name only', () => mint.leaf({ subject: '/CN=localhost', names: [] })],
    ['a partial wildcard', () => mint.leaf({ names: ['DNS:local*'] })],
  ])('%s is not enough, in every prober', async (_what, make) => {
    const server = await serve(make());
    for (const [, prober, address, on] of PROBERS) {
      const run = runsOf(prober, { ...on, tls_config: { ca_file: mint.caFile } });
      expect(verdictText(await run(address(`localhost:${server.port}`)))).toBe(
        'tls_name: The certificate is not valid for localhost',
      );
    }
  });

  it.each(PROBERS)(
    'is sent in SNI and verified without a final dot (%s)',
    async (_name, prober, address, on) => {
      const asked: string[] = [];
      const server = await serve(mint.leaf({ names: ['DNS:localhost', 'DNS:other.test'] }), asked);
      const trust = { ca_file: mint.caFile };
      const first = await runsOf(prober, { ...on, tls_config: trust })(address(`localhost.:${server.port}`));
      const named = { ...trust, server_name: 'other.test.' };
      const second = await runsOf(prober, { ...on, tls_config: named })(address(`localhost:${server.port}`));
      expect(asked).toEqual(['localhost', 'other.test']);
      expect([first, second].map(verdictText).join()).not.toContain('tls');
    },
  );

  it('is sent as RFC 6066 requires', () => {
    fc.assert(
      fc.property(fc.domain(), fc.nat(3), (name, dots) => {
        expect(serverNameIndication(name + '.'.repeat(dots))).toBe(name);
      }),
    );
    for (const address of ['127.0.0.1', '::1', 'fe80::1%eth0', '/run/app.sock'])
      expect(serverNameIndication(address)).toBe('');
  });
});

describe('a trusted certificate', () => {
  const succeeds = async (server: TlsOptions, ca: string) => {
    const { port } = await serve(server);
    return verdictText(
      await runsOf(tlsProber, { tls_config: { ca_file: mint.write('ca.pem', ca) } })(`localhost:${port}`),
    );
  };

  it.each<[string, () => readonly [Minted, string], string]>([
    [
      'the intermediate certificate',
      () => [mint.leaf({ issuer: 'intermediate' }), mint.intermediate],
      'success',
    ],
    ['the leaf itself', () => own(mint.leaf({ issuer: 'intermediate' })), 'success'],
    ['a leaf of the root itself', () => own(mint.leaf()), 'success'],
    ['a self-signed leaf', () => own(mint.selfSigned()), 'success'],
    [
      'an expired leaf',
      () => own(mint.expired()),
      'tls_expired: The certificate expired at 2021-01-01T00:00:00Z',
    ],
    ['another leaf', () => [mint.leaf(), mint.leaf().cert], 'tls_untrusted'],
  ])('may be %s', async (_what, make, expected) => {
    const [leaf, ca] = make();
    expect(await succeeds(leaf, ca)).toContain(expected);
  });

  const own = (leaf: Minted): readonly [Minted, string] => [leaf, leaf.cert];

  it('may be in a bundle with damaged blocks anywhere', () => {
    const broken = fc.constantFrom(
      (pem: string) => pem.replace(/\n[A-Za-z0-9+/]{8}/, '\n!!!!!!!!'),
      (pem: string) => pem.slice(0, pem.length / 2),
      (pem: string) => pem.replace(/\n.*\n/, '\n'),
      () => '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
      () => '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n',
      () => '# a comment\n',
    );
    const good = mint.ca;
    const blocks = fc.array(
      fc.oneof(
        fc.constant((pem: string) => pem),
        broken,
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(blocks, (damage) => {
        const bundle = damage.map((spoil) => `${spoil(good)}\n`).join('');
        const whole = damage.filter((spoil) => spoil(good) === good).length;
        expect(readCertificates(bundle)).toHaveLength(whole);
      }),
    );
  });

  it('is trusted even if the first block is damaged', async () => {
    const damaged = mint.intermediate.replace(/\n[A-Za-z0-9+/]{8}/, '\n!!!!!!!!');
    expect(await succeeds(mint.leaf(), damaged + mint.ca)).toBe('success');
    expect(refusals(tlsProber, { tls_config: { ca_file: mint.write('bad.pem', damaged) } })).toEqual([
      'tls_config.ca_file: the file contains no certificate that can be read; expected one or more in PEM',
    ]);
  });

  it.each(['rsa:2048', 'ed25519', 'ec'])(
    'is never a certificate with the key of another (%s)',
    (algorithm) => {
      const { certFile } = mint.leaf();
      const key = mint.write('other.key', privateKey(algorithm));
      expect(refusals(tlsProber, { tls_config: { cert_file: certFile, key_file: key } })).toEqual([
        'tls_config.key_file: the private key is not that of the first certificate in cert_file',
      ]);
    },
  );

  it('may be a client certificate with its own key, with or without curve parameters before it', () => {
    const { certFile, keyFile, key } = mint.leaf();
    const parameters = execFileSync('openssl', ['ecparam', '-name', 'prime256v1']).toString();
    const both = mint.write('params.key', parameters + key);
    for (const key_file of [keyFile, both])
      expect(refusals(tlsProber, { tls_config: { cert_file: certFile, key_file } })).toEqual([]);
  });

  const privateKey = (algorithm: string): string => {
    const curve = algorithm === 'ec' ? ['-pkeyopt', 'ec_paramgen_curve:P-256'] : [];
    const [name = '', bits] = algorithm.split(':');
    const size = bits === undefined ? [] : ['-pkeyopt', `rsa_keygen_bits:${bits}`];
    return execFileSync('openssl', ['genpkey', '-algorithm', name, ...curve, ...size], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
  };
});
