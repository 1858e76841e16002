import { X509Certificate } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { httpProber } from '../../../src/probes/http.ts';
import type { RunResult } from '../../../src/probes/prober.ts';
import { runProbe } from '../../../src/probes/run.ts';
import { CertificateMint } from '../../support/probes/certificates.ts';
import {
  hostsResolver,
  labelsOf,
  pacedClock,
  probeOf,
  run,
  targetOf,
  type ProbeOptions,
  valueOf,
  verdictText,
} from '../../support/probes/probe.ts';
import { ServerSet } from '../../support/servers/server-set.ts';

let mint: CertificateMint;
const servers = new ServerSet();

beforeAll(() => {
  mint = new CertificateMint();
});
afterAll(() => mint.remove());
afterEach(() => servers.close());

/** Settings for a server named `localhost` with a certificate of the mint. */
function trusting(settings: Readonly<Record<string, unknown>> = {}): ProbeOptions {
  return { settings: { preferred_ip_protocol: 'ip4', tls_config: { ca_file: mint.caFile }, ...settings } };
}

describe('an http certificate', () => {
  const withCertificate = async (
    options: TlsOptions,
    settings = trusting(),
  ): Promise<[RunResult, number]> => {
    let requests = 0;
    const server = await servers.https(options, (_request, response) => {
      requests += 1;
      response.end();
    });
    const result = await run(httpProber, server.url, settings);
    await server.idle();
    return [result, requests];
  };

  it.each<[string, () => TlsOptions, string]>([
    ['has expired', () => mint.expired(), 'tls_expired: The certificate expired at 2021-01-01T00:00:00Z'],
    [
      'is not valid yet',
      () => mint.leaf({ from: '20400101000000Z', to: '20410101000000Z' }),
      'tls_expired: The certificate is not valid before 2040-01-01T00:00:00Z',
    ],
    [
      'is self-signed',
      () => mint.selfSigned(),
      'tls_untrusted: The certificate is not trusted: it is self-signed',
    ],
    [
      'is for another name',
      () => mint.leaf({ names: ['DNS:other.test'] }),
      'tls_name: The certificate is not valid for localhost',
    ],
  ])('is reported when it %s, and nothing is sent', async (_what, make, expected) => {
    const [result, requests] = await withCertificate(make());
    expect(verdictText(result)).toBe(expected);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBeGreaterThan(1_000_000_000);
    expect(valueOf(result, 'probe_ssl_last_chain_expiry_timestamp_seconds')).toBeUndefined();
    expect(requests).toBe(0);
  });

  it('is not trusted when its authority is unknown', async () => {
    const [result] = await withCertificate(mint.leaf({ issuer: 'intermediate' }), {
      settings: { preferred_ip_protocol: 'ip4' },
    });
    expect(verdictText(result)).toContain('tls_untrusted: The certificate is not trusted: ');
  });

  it('is accepted in any case when verification is off', async () => {
    const [result, requests] = await withCertificate(
      mint.expired(),
      trusting({ tls_config: { insecure_skip_verify: true } }),
    );
    expect(verdictText(result)).toBe('success');
    expect(requests).toBe(1);
    expect(valueOf(result, 'probe_ssl_last_chain_expiry_timestamp_seconds')).toBeUndefined();
  });

  it('is verified against server_name, which is also sent as SNI', async () => {
    const asked: string[] = [];
    const options = {
      ...mint.leaf({ names: ['DNS:other.test'] }),
      SNICallback: (name: string, done: (error: null) => void) => done((asked.push(name), null)),
    };
    const [result] = await withCertificate(
      options,
      trusting({ tls_config: { ca_file: mint.caFile, server_name: 'other.test' } }),
    );
    expect(verdictText(result)).toBe('success');
    expect(asked).toEqual(['other.test']);
  });

  it('of the client is sent when the server asks for it', async () => {
    const { certFile, keyFile } = mint.leaf({ subject: '/CN=client' });
    const server = { ...mint.leaf(), ca: mint.ca, requestCert: true, rejectUnauthorized: true };
    const [refused] = await withCertificate(server);
    expect(verdictText(refused)).toBe(
      'tls: TLS handshake failed: the server requires a client certificate (cert_file and key_file)',
    );
    const [taken] = await withCertificate(
      server,
      trusting({ tls_config: { ca_file: mint.caFile, cert_file: certFile, key_file: keyFile } }),
    );
    expect(verdictText(taken)).toBe('success');
  });

  it('is described by its leaf, the expiry of the sent certificates and that of the whole chain', async () => {
    const names = ['DNS:localhost', 'DNS:*.tocsin.test', 'IP:127.0.0.1'];
    const leaf = mint.leaf({ names, subject: '/O=Bell\\, Book/CN=localhost', to: '20400101000000Z' });
    const [result] = await withCertificate(leaf);
    const { fingerprint256, serialNumber } = new X509Certificate(leaf.cert);
    expect(labelsOf(result, 'probe_ssl_last_chain_info')).toEqual({
      fingerprint_sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
      subject: 'CN=localhost,O=Bell\\, Book',
      issuer: 'CN=Test Root,O=Tocsin Tests',
      subjectalternative: 'localhost,*.tocsin.test',
      serialnumber: serialNumber.toLowerCase(),
    });
    expect(labelsOf(result, 'probe_tls_version_info')).toEqual({ version: 'TLS 1.3' });
    expect(labelsOf(result, 'probe_tls_cipher_info')?.['cipher']).toMatch(/^TLS_[A-Z0-9_]+$/);
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBe(Date.UTC(2040, 0, 1) / 1_000);
    const rootExpiry = Date.parse(new X509Certificate(mint.ca).validTo) / 1_000;
    expect(valueOf(result, 'probe_ssl_last_chain_expiry_timestamp_seconds')).toBe(rootExpiry);
  });

  it('counts the intermediate certificates that come with it', async () => {
    const [result] = await withCertificate(mint.leaf({ issuer: 'intermediate', to: '20400101000000Z' }));
    const intermediate = Date.UTC(2033, 0, 1) / 1_000;
    expect(valueOf(result, 'probe_ssl_earliest_cert_expiry')).toBe(intermediate);
    expect(valueOf(result, 'probe_ssl_last_chain_expiry_timestamp_seconds')).toBe(intermediate);
  });

  it('is described once, and again when it changes', async () => {
    const server = await servers.https(mint.leaf(), (_request, response) => response.end());
    const probe = probeOf(httpProber, trusting().settings);
    const address = targetOf(httpProber, server.url);
    const once = () =>
      runProbe({ probe, target: address, timeoutMs: 5_000, resolver: hostsResolver(), clock: pacedClock() });
    const first = labelsOf(await once(), 'probe_ssl_last_chain_info');
    expect(labelsOf(await once(), 'probe_ssl_last_chain_info')).toBe(first);
    server.renew(mint.leaf());
    expect(labelsOf(await once(), 'probe_ssl_last_chain_info')?.['serialnumber']).not.toBe(
      first?.['serialnumber'],
    );
  });

  it('is not received without a common TLS version', async () => {
    const [result] = await withCertificate(
      { ...mint.leaf(), maxVersion: 'TLSv1.2' },
      trusting({ tls_config: { ca_file: mint.caFile, min_version: 'TLS13' } }),
    );
    expect(verdictText(result)).toBe('tls: TLS handshake failed: no common TLS version');
  });
});
