import type { TlsOptions } from 'node:tls';
import { createServer as createTlsServer } from 'node:tls';
import type { CertificateMint, Minted } from '../probes/certificates.ts';
import type { Difference, Pair } from './differential.ts';
import { startHttps } from '../servers/http.ts';
import { listen, startTcp } from '../servers/tcp.ts';
import { http2Pair } from './http.ts';
import { startTlsServer } from './streams.ts';

type Settings = Readonly<Record<string, unknown>>;

const never = (): void => undefined;

/** Certificate metrics exist although the certificate is refused. */
const FACTS: Difference = {
  title: 'Certificates that are refused are still described',
  series: [
    'probe_ssl_earliest_cert_expiry',
    'probe_ssl_last_chain_info',
    'probe_tls_version_info',
    'probe_tls_cipher_info',
  ],
};
const UNVERIFIED: Difference = {
  title: 'The expiry of a chain that was not verified is absent',
  series: ['probe_ssl_last_chain_expiry_timestamp_seconds'],
};
const CIPHER: Difference = {
  title: 'The cipher is shown for tcp and unix, too',
  series: ['probe_tls_cipher_info'],
};

/** Pairs over TLS, with certificates of the test. */
export function securePairs(mint: CertificateMint): readonly Pair[] {
  const good = mint.leaf();
  const chained = mint.leaf({ issuer: 'intermediate' });
  const other = mint.leaf({ names: ['DNS:other.test'] });
  const ca = { tls_config: { ca_file: mint.caFile } };
  const lax = { tls_config: { insecure_skip_verify: true } };
  const expired = mint.expired();
  const short = mint.otherIntermediate('20270101000000Z');
  const trusting = (name: string, pem: string) => ({ tls_config: { ca_file: mint.write(name, pem) } });
  const withCa = (more: Settings) => ({ tls_config: { ca_file: mint.caFile, ...more } });
  return [
    https('a trusted certificate', ca, good),
    https('a chain with an intermediate certificate', ca, chained),
    https('fail_if_not_ssl with TLS', { ...ca, fail_if_not_ssl: true }, good),
    https('fail_if_ssl with TLS', { ...ca, fail_if_ssl: true }, good),
    https('an untrusted certificate', {}, good, { differs: FACTS }),
    https('a self-signed certificate', ca, mint.selfSigned(), { differs: FACTS }),
    https('an expired certificate', ca, mint.expired(), { differs: FACTS }),
    https('an expired certificate, not verified', lax, mint.expired(), { differs: UNVERIFIED }),
    https('a certificate for another name', ca, other, { differs: FACTS }),
    https('a certificate for another name, not verified', lax, other, { differs: UNVERIFIED }),
    https('server_name', withCa({ server_name: 'other.test' }), other),
    https('hostname as server name', ca, other, { query: { hostname: 'other.test' } }),
    https('TLS 1.2', withCa({ max_version: 'TLS12' }), good),
    https('TLS 1.3', withCa({ min_version: 'TLS13' }), good),
    https('no common version', withCa({ min_version: 'TLS13' }), good, { server: { maxVersion: 'TLSv1.2' } }),
    {
      name: 'https: a server without TLS',
      module: httpsModule(ca),
      start: async () => {
        const server = await startTcp((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
        return { target: `https://localhost:${server.port}`, stop: () => server.close() };
      },
    },
    https('a common name only', ca, mint.leaf({ names: [] }), { differs: FACTS }),
    https('a partial wildcard', ca, mint.leaf({ names: ['DNS:local*'] }), { differs: FACTS }),
    https('a wildcard below a name of one label', ca, mint.leaf({ names: ['DNS:*.lan'] }), {
      query: { hostname: 'nas.lan' },
    }),
    https('a wildcard for two labels', ca, mint.leaf({ names: ['DNS:*.lan'] }), {
      query: { hostname: 'a.nas.lan' },
      differs: FACTS,
    }),
    https('an absolute name', withCa({ server_name: 'localhost.' }), good, { server: onlyFor('localhost') }),
    https('an intermediate certificate that is trusted', trusting('i.pem', mint.intermediate), chained),
    https('a leaf that is trusted', trusting('l.pem', ownOf(chained)), chained),
    https('a leaf and the root that are trusted', trusting('lr.pem', ownOf(good) + mint.ca), good),
    https('another leaf that is trusted', trusting('o.pem', ownOf(other)), good, { differs: FACTS }),
    https('an expired leaf that is trusted', trusting('e.pem', expired.cert), expired, { differs: FACTS }),
    https('a bundle with a damaged block', trusting('d.pem', damaged(mint.intermediate) + mint.ca), good),
    https('a chain that ends sooner than its leaf', ca, { ...chained, cert: ownOf(chained) + short }),
    https('a chain that ends sooner than a trusted one', trusting('b.pem', mint.ca + mint.intermediate), {
      ...chained,
      cert: ownOf(chained) + short,
    }),
    http2Pair('HTTP/2', ca, good),
    http2Pair('HTTP/2 that is turned off', { ...ca, enable_http2: false }, good),
    tcpTls('a trusted certificate', ca, good, { differs: CIPHER }),
    tcpTls('an untrusted certificate', {}, good, { differs: FACTS }),
    tcpTls('an expired certificate', ca, mint.expired(), { differs: FACTS }),
    tcpTls('an expired certificate, not verified', lax, mint.expired(), {
      differs: {
        title: UNVERIFIED.title,
        series: ['probe_ssl_last_chain_expiry_timestamp_seconds', 'probe_tls_cipher_info'],
      },
    }),
    tcpTls('a certificate for another name', ca, other, { differs: FACTS }),
    tcpTls('hostname as server name', ca, other, { query: { hostname: 'other.test' }, differs: CIPHER }),
    tcpTls('a banner over TLS', { ...ca, query_response: [{ expect: '^hello' }] }, good, {
      differs: CIPHER,
    }),
    {
      name: 'tcp: starttls',
      differs: CIPHER,
      module: tcpModule({
        ...withCa({ server_name: 'localhost' }),
        query_response: [
          { expect: '^220' },
          { send: 'STARTTLS' },
          { expect: '^220' },
          { starttls: true },
          { send: 'HELO' },
          { expect: '^250 secure' },
        ],
      }),
      start: async () => {
        const server = await startTcp(startTlsServer(good.cert, good.key));
        return { target: `localhost:${server.port}`, stop: () => server.close() };
      },
    },
  ];
}

/** The first certificate that a server sends. */
const ownOf = ({ cert }: Minted): string => /[^]*?-----END CERTIFICATE-----\n/.exec(cert)?.[0] ?? '';

const damaged = (pem: string): string => pem.replace(/\n[A-Za-z0-9+/]{8}/, '\n!!!!!!!!');

/** A server for one name only. */
const onlyFor = (wanted: string): TlsOptions => ({
  SNICallback: (name, done) => done(name === wanted ? null : new Error(`no ${name} here`)),
});

const httpsModule = (http: Settings) => ({
  prober: 'http',
  timeout: '10s',
  http: { preferred_ip_protocol: 'ip4', ...http },
});
const tcpModule = (tcp: Settings) => ({
  prober: 'tcp',
  timeout: '10s',
  tcp: { preferred_ip_protocol: 'ip4', ...tcp },
});

function https(
  name: string,
  settings: Settings,
  minted: Minted,
  { server: tls = {}, ...more }: Partial<Pair> & { readonly server?: TlsOptions } = {},
): Pair {
  return {
    name: `https: ${name}`,
    module: httpsModule(settings),
    start: async () => {
      const server = await startHttps({ cert: minted.cert, key: minted.key, ...tls }, (_request, response) =>
        response.end('hello'),
      );
      return { target: server.url, stop: () => server.close() };
    },
    ...more,
  };
}

function tcpTls(name: string, settings: Settings, minted: Minted, more: Partial<Pair> = {}): Pair {
  return {
    name: `tcp with TLS: ${name}`,
    module: tcpModule({ tls: true, ...settings }),
    start: async () => {
      const plain = createTlsServer({ cert: minted.cert, key: minted.key }, (socket) => {
        socket.on('error', never);
        socket.write('hello\n');
      });
      plain.on('tlsClientError', never);
      const server = await listen(plain);
      return { target: `localhost:${server.port}`, stop: () => server.close() };
    },
    ...more,
  };
}
