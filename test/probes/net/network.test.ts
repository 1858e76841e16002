import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addressHash } from '../../../src/probes/net/address-hash.ts';
import { certificateNamesOf } from '../../../src/probes/net/tls/certificate-names.ts';
import { dial } from '../../../src/probes/net/dial.ts';
import { certificateNames } from '../../../src/probes/net/tls/distinguished-name.ts';
import { ProbeFailure } from '../../../src/probes/net/failure.ts';
import { PhaseTimer } from '../../../src/probes/net/phases.ts';
import { brokenConnection, connectFailure, tlsFailure } from '../../../src/probes/net/socket-errors.ts';
import { CertificateMint } from '../../support/probes/certificates.ts';
import { closedPort } from '../../support/servers/tcp.ts';

function systemError(code: string): Error {
  return Object.assign(new Error('text of the system'), { code });
}

describe('a failed connect', () => {
  const to = { host: 'db.test', address: '192.0.2.1', port: 80 };
  const to6 = { host: '2001:db8::1', address: '2001:db8::1', port: 80 };
  it.each([
    ['ECONNREFUSED', to, 'failure connect_refused Connection refused by db.test:80 (192.0.2.1)'],
    ['ECONNREFUSED', to6, 'failure connect_refused Connection refused by [2001:db8::1]:80'],
    [
      'ETIMEDOUT',
      to,
      'failure connect_timeout The connection to db.test:80 (192.0.2.1) timed out in the network',
    ],
    ['EHOSTUNREACH', to, 'failure connect No route to db.test:80 (192.0.2.1)'],
    ['ENETUNREACH', to6, 'failure connect No route to the network of [2001:db8::1]:80'],
    [
      'EPERM',
      to,
      "failure connect This host's firewall does not allow connections to db.test:80 (192.0.2.1)",
    ],
    [
      'EMFILE',
      to,
      'unknown agent_limit This host has no resources left to connect to db.test:80 (192.0.2.1) (EMFILE)',
    ],
    [
      'ENFILE',
      to,
      'unknown agent_limit This host has no resources left to connect to db.test:80 (192.0.2.1) (ENFILE)',
    ],
    [
      'EADDRNOTAVAIL',
      to,
      'unknown agent_limit This host has no free local port to connect to db.test:80 (192.0.2.1) from',
    ],
    [
      'EADDRNOTAVAIL',
      to6,
      'failure connect This host has no IPv6 address to reach [2001:db8::1]:80 from; preferred_ip_protocol: ip4 avoids IPv6',
    ],
    ['EWHATEVER', to, 'failure connect Cannot connect to db.test:80 (192.0.2.1) (EWHATEVER)'],
  ])('by %s', (code, destination, expected) => {
    const { verdict } = connectFailure(systemError(code), destination);
    expect(`${verdict.status} ${verdict.reason} ${verdict.text}`).toBe(expected);
  });

  it('leaves nothing pending when it is aborted', async () => {
    const controller = new AbortController();
    const socket = dial(
      { host: '127.0.0.1', address: '127.0.0.1', port: await closedPort() },
      controller.signal,
    );
    controller.abort();
    await expect(socket).rejects.toThrow(ProbeFailure);
    await expect(
      dial({ host: '127.0.0.1', address: '127.0.0.1', port: 1 }, controller.signal),
    ).rejects.toThrow('This operation was aborted');
  });
});

describe('a broken connection', () => {
  it.each([
    ['ECONNRESET', 'protocol The connection was reset or closed while reading'],
    ['ETIMEDOUT', 'protocol The connection timed out in the network while reading'],
    ['EPIPE', 'protocol The connection broke while reading'],
    [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      'tls TLS handshake failed: the server requires a client certificate (cert_file and key_file)',
    ],
  ])('by %s', (code, expected) => {
    const { verdict } = brokenConnection(systemError(code), 'while reading');
    expect(`${verdict.reason} ${verdict.text}`).toBe(expected);
  });

  it('by OpenSSL reports its reason', () => {
    const error = Object.assign(systemError('ERR_SSL_X'), { reason: 'bad signature' });
    expect(tlsFailure(error).verdict.text).toBe('TLS handshake failed: bad signature');
  });
});

describe('phases', () => {
  it('are timed one after the other, and add up when entered again', () => {
    let now = 0;
    const timer = new PhaseTimer(() => now);
    timer.enter('connect');
    now += 1_000;
    timer.enter('processing');
    now += 500;
    timer.enter('connect');
    now += 250;
    expect(timer.current).toBe('connect');
    expect(timer.stop()).toEqual({ connect: 1.25, processing: 0.5 });
  });

  it('are absent when they were not reached', () => {
    expect(new PhaseTimer(() => 0).stop()).toEqual({});
  });
});

describe('the hash of an address', () => {
  it.each([
    ['127.0.0.1', 3_668_918_509],
    ['::1', addressHash('0:0:0:0:0:0:0:1')],
    ['::ffff:1.2.3.4', addressHash('::ffff:102:304')],
    ['fe80::1%eth0', addressHash('fe80::1')],
  ])('%s', (address, expected) => {
    expect(addressHash(address)).toBe(expected);
  });

  it('is a 32-bit number that differs between addresses', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (address) => {
        const hash = addressHash(address);
        return Number.isInteger(hash) && hash >= 0 && hash < 2 ** 32;
      }),
    );
    expect(addressHash('10.0.0.1')).not.toBe(addressHash('10.0.0.2'));
  });
});

describe('the names of a certificate', () => {
  it('are formatted as in Go', () => {
    const mint = new CertificateMint();
    const subject =
      '/postalCode=12345/C=DE/ST=Baden\\, "x"/L= lead/O=#hash;<a>/O=second/OU=u/street=Way 1\\\\2/CN=first/CN=local host /emailAddress=a@b.c';
    const { raw } = new X509Certificate(mint.leaf({ subject }).cert);
    mint.remove();
    // order, escapes and attributes without a short name: as blackbox_exporter 0.28 exposes them
    expect(certificateNames(raw)).toEqual({
      issuer: 'CN=Test Root,O=Tocsin Tests',
      subject:
        'CN=local host\\ ,OU=u,O=\\#hash\\;\\<a\\>+O=second,POSTALCODE=12345,STREET=Way 1\\\\2,L=\\ lead,ST=Baden\\, \\"x\\",C=DE,1.2.840.113549.1.9.1=a@b.c',
    });
  });

  it('throw a RangeError for anything else, and terminate', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          certificateNames(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });

  it.each([
    ['DNS:a.test, DNS:*.b.test, IP Address:127.0.0.1', ['a.test', '*.b.test']],
    ['DNS:"a, DNS:b.test", DNS:c.test', ['a, DNS:b.test', 'c.test']],
    [undefined, []],
    ['', []],
  ])('beside the subject: %j', (text, expected) => {
    expect(certificateNamesOf(text).dns).toEqual(expected);
  });
});
