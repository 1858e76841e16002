import type { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, PeerCertificate, TLSSocket } from 'node:tls';
import type { Family, Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { certificateNames } from './distinguished-name.ts';

const EARLIEST_EXPIRY: Family = {
  name: 'probe_ssl_earliest_cert_expiry',
  type: 'gauge',
  help: 'Returns earliest SSL cert expiry in unixtime',
  labels: [],
};
export const LAST_CHAIN_EXPIRY: Family = {
  name: 'probe_ssl_last_chain_expiry_timestamp_seconds',
  type: 'gauge',
  help: 'Returns last SSL chain expiry in timestamp seconds',
  labels: [],
};
const LAST_CHAIN_INFO: Family = {
  name: 'probe_ssl_last_chain_info',
  type: 'gauge',
  help: 'Contains SSL leaf certificate information',
  labels: ['fingerprint_sha256', 'subject', 'issuer', 'subjectalternative', 'serialnumber'],
};
const TLS_VERSION: Family = {
  name: 'probe_tls_version_info',
  type: 'gauge',
  help: 'Returns the TLS version used or NaN when unknown',
  labels: ['version'],
};
const LEAF_EXPIRY: Family = {
  name: 'tocsin_probe_tls_leaf_expiry_timestamp_seconds',
  type: 'gauge',
  help: "When the server's own certificate expires, in seconds since the epoch; also when it is refused",
  labels: [],
};
export const TLS_CIPHER: Family = {
  name: 'probe_tls_cipher_info',
  type: 'gauge',
  help: 'Returns the TLS cipher negotiated during handshake',
  labels: ['cipher'],
};

/** What every prober that makes a TLS handshake exposes, also when the certificate is refused. */
export const TLS_FAMILIES: readonly Family[] = [
  EARLIEST_EXPIRY,
  LAST_CHAIN_EXPIRY,
  LAST_CHAIN_INFO,
  TLS_VERSION,
  LEAF_EXPIRY,
];

/** What certificates say, remembered by the leaf: reading a chain costs as much as a third of a handshake. */
export class CertificateReader {
  readonly #known = new Map<string, { readonly samples: readonly Sample[]; uses: number }>();

  /**
   * Facts of a finished handshake.
   * @param verified whether verification built a chain; else (it failed, or was switched off)
   *   `probe_ssl_last_chain_expiry_timestamp_seconds` is absent (blackbox_exporter writes year 1)
   */
  read(socket: TLSSocket, leaf: Partial<PeerCertificate>, verified: boolean): readonly Sample[] {
    const version = sample(TLS_VERSION, 1, { version: versionText(socket.getProtocol()) });
    if (leaf.fingerprint256 === undefined) return [version];
    const key = `${leaf.fingerprint256} ${verified}`;
    let known = this.#known.get(key);
    if (known === undefined || known.uses >= MAX_USES) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      known = { samples: chainSamples(socket, verified), uses: 0 };
      this.#known.set(key, known);
    }
    known.uses += 1;
    return [version, ...known.samples];
  }
}

/** A leaf may come with another chain one day, so it is read again after so many handshakes. */
const MAX_USES = 60;
const MAX_KNOWN = 64;

function chainSamples(socket: TLSSocket, verified: boolean): readonly Sample[] {
  // first, for reading the sent certificates takes them out of OpenSSL's hands
  const chain = verified ? [sample(LAST_CHAIN_EXPIRY, chainExpiry(socket.getPeerCertificate(true)))] : [];
  const sent = sentCertificates(socket);
  const [leaf] = sent;
  if (leaf === undefined) return chain;
  return [
    sample(EARLIEST_EXPIRY, Math.min(...sent.map(({ validTo }) => unixTime(validTo)))),
    sample(LEAF_EXPIRY, unixTime(leaf.validTo)),
    leafInfo(leaf),
    ...chain,
  ];
}

/** When the first of the certificates that a handshake's samples tell of expires, in seconds since the epoch. */
export function earliestExpiry(samples: readonly Sample[]): number | undefined {
  const value = samples.find(({ family }) => family === EARLIEST_EXPIRY)?.value;
  return typeof value === 'number' ? value : undefined;
}

export function cipherSample(socket: TLSSocket): Sample {
  return sample(TLS_CIPHER, 1, { cipher: socket.getCipher().standardName });
}

/** `TLSv1.3` as Go writes it: `TLS 1.3`. */
function versionText(protocol: string | null): string {
  const number = /^TLSv(\d(?:\.\d)?)$/.exec(protocol ?? '')?.[1];
  if (number === undefined) return 'unknown';
  return `TLS ${number === '1' ? '1.0' : number}`;
}

/** The certificates as the server sent them, leaf first. */
function sentCertificates(socket: TLSSocket): readonly X509Certificate[] {
  const sent: X509Certificate[] = [];
  let next = socket.getPeerX509Certificate();
  while (next !== undefined && sent.length < 32) {
    sent.push(next);
    next = next.issuerCertificate;
  }
  return sent;
}

/** The earliest expiry on the verified chain, its root included. */
function chainExpiry(leaf: Partial<DetailedPeerCertificate>): number {
  const seen = new Set<Partial<DetailedPeerCertificate>>();
  let next: Partial<DetailedPeerCertificate> | undefined = leaf;
  // a root is its own issuer
  while (next !== undefined && !seen.has(next)) {
    seen.add(next);
    next = next.issuerCertificate;
  }
  return Math.min(...[...seen].map(({ valid_to = '' }) => unixTime(valid_to)));
}

function leafInfo(leaf: X509Certificate): Sample {
  const { subject, issuer } = certificateNames(leaf.raw);
  return sample(LAST_CHAIN_INFO, 1, {
    fingerprint_sha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject,
    issuer,
    subjectalternative: dnsNames(leaf.subjectAltName).join(','),
    serialnumber: leaf.serialNumber.toLowerCase(),
  });
}

/** The DNS names of Node's `DNS:a, DNS:b, IP Address:127.0.0.1`; names with odd characters are JSON strings there. */
export function dnsNames(subjectAltName: string | undefined): readonly string[] {
  const parts = subjectAltName?.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return parts
    .map((part) => part.trim())
    .flatMap((part) => (part.startsWith('DNS:') ? [unquoted(part.slice(4))] : []));
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text;
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === 'string' ? parsed : text;
}

/** OpenSSL's `Dec 21 22:19:52 2026 GMT` as seconds since the epoch. */
function unixTime(text: string): number {
  return Date.parse(text) / 1_000;
}
