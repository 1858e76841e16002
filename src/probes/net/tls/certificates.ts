import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { EpochMs } from '../../../domain/clock.ts';
import { defineFamily, type Family, type Sample } from '../../../metrics/family.ts';
import { sample } from '../../../metrics/family.ts';
import { certificateNamesOf, type CertificateNames } from './certificate-names.ts';
import { certificateNames } from './distinguished-name.ts';
import { verifiedExpiry, type TrustAnchors } from './verified-chain.ts';

const EARLIEST_EXPIRY = defineFamily(
  'gauge',
  'probe_ssl_earliest_cert_expiry',
  'Returns earliest SSL cert expiry in unixtime',
);
export const LAST_CHAIN_EXPIRY = defineFamily(
  'gauge',
  'probe_ssl_last_chain_expiry_timestamp_seconds',
  'Returns last SSL chain expiry in timestamp seconds',
);
const LAST_CHAIN_INFO = defineFamily(
  'gauge',
  'probe_ssl_last_chain_info',
  'Contains SSL leaf certificate information',
  ['fingerprint_sha256', 'subject', 'issuer', 'subjectalternative', 'serialnumber'],
);
const TLS_VERSION = defineFamily(
  'gauge',
  'probe_tls_version_info',
  'Returns the TLS version used or NaN when unknown',
  ['version'],
);
const LEAF_EXPIRY = defineFamily(
  'gauge',
  'tocsin_probe_tls_leaf_expiry_timestamp_seconds',
  "When the server's own certificate expires, in seconds since the epoch; also when it is refused",
);
export const TLS_CIPHER = defineFamily(
  'gauge',
  'probe_tls_cipher_info',
  'Returns the TLS cipher negotiated during handshake',
  ['cipher'],
);

/** Exposed by every prober with a TLS handshake, also when the certificate is refused. */
export const TLS_FAMILIES: readonly Family[] = [
  EARLIEST_EXPIRY,
  LAST_CHAIN_EXPIRY,
  LAST_CHAIN_INFO,
  TLS_VERSION,
  LEAF_EXPIRY,
];

/** Facts from the certificates of a handshake. */
export interface ChainFacts {
  /** Undefined: the server sent no certificate. */
  readonly leaf: X509Certificate | undefined;
  readonly names: CertificateNames;
  readonly samples: readonly Sample[];
}

/** What is cached of a chain. */
interface KnownChain {
  readonly facts: ChainFacts;
  /** With the expiry of the verified chain, once that was requested. */
  verified: { readonly samples: readonly Sample[]; readonly until: EpochMs } | undefined;
}

const MAX_KNOWN = 64;

/** Describes chains of certificates; once for each chain, since a description costs as much as a handshake. */
export class CertificateReader {
  readonly #anchors: TrustAnchors;
  readonly #known = new Map<string, KnownChain>();

  constructor(anchors: TrustAnchors) {
    this.#anchors = anchors;
  }

  /**
   * Facts of a finished handshake. Call `getPeerCertificate` before, if needed: reading the sent certificates removes
   * them from OpenSSL.
   * @param isVerified whether trust and names are valid; if not, or if they were not checked,
   * `probe_ssl_last_chain_expiry_timestamp_seconds` is absent (blackbox_exporter writes year 1)
   */
  read(socket: TLSSocket, isVerified: (names: CertificateNames) => boolean): ChainFacts {
    const sent = sentCertificates(socket);
    // the same certificate may come with other intermediates than before, or than from a neighbouring server
    const key = sent.map(({ fingerprint256 }) => fingerprint256).join();
    let known = this.#known.get(key);
    if (known === undefined) {
      if (this.#known.size >= MAX_KNOWN) this.#known.clear();
      known = { facts: describe(sent), verified: undefined };
      this.#known.set(key, known);
    }
    const { facts } = known;
    const version = sample(TLS_VERSION, 1, { version: versionText(socket.getProtocol()) });
    const samples = isVerified(facts.names) ? this.#verified(sent, known) : facts.samples;
    return { ...facts, samples: [version, ...samples] };
  }

  #verified(sent: readonly X509Certificate[], known: KnownChain): readonly Sample[] {
    const now = Date.now();
    if (known.verified === undefined || known.verified.until < now) {
      const until = verifiedExpiry(sent, this.#anchors, now);
      const expiry = until === undefined ? [] : [sample(LAST_CHAIN_EXPIRY, until / 1_000)];
      known.verified = { samples: [...known.facts.samples, ...expiry], until: until ?? Infinity };
    }
    return known.verified.samples;
  }
}

function describe(sent: readonly X509Certificate[]): ChainFacts {
  const [leaf] = sent;
  const names = certificateNamesOf(leaf?.subjectAltName);
  if (leaf === undefined) return { leaf, names, samples: [] };
  const samples = [
    sample(EARLIEST_EXPIRY, Math.min(...sent.map(({ validTo }) => unixTime(validTo)))),
    sample(LEAF_EXPIRY, unixTime(leaf.validTo)),
    leafInfo(leaf, names),
  ];
  return { leaf, names, samples };
}

/** The earliest expiry of the certificates in a handshake's samples, in seconds since the epoch. */
export function earliestExpiry(samples: readonly Sample[]): number | undefined {
  const value = samples.find(({ family }) => family === EARLIEST_EXPIRY)?.value;
  return typeof value === 'number' ? value : undefined;
}

export function cipherSample(socket: TLSSocket): Sample {
  return sample(TLS_CIPHER, 1, { cipher: socket.getCipher().standardName });
}

/** `TLSv1.3` in Go's spelling: `TLS 1.3`. */
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

function leafInfo(leaf: X509Certificate, { dns }: CertificateNames): Sample {
  const { subject, issuer } = certificateNames(leaf.raw);
  return sample(LAST_CHAIN_INFO, 1, {
    fingerprint_sha256: leaf.fingerprint256.replaceAll(':', '').toLowerCase(),
    subject,
    issuer,
    subjectalternative: dns.join(','),
    serialnumber: leaf.serialNumber.toLowerCase(),
  });
}

/** OpenSSL's `Dec 21 22:19:52 2026 GMT` as seconds since the epoch. */
function unixTime(text: string): number {
  return Date.parse(text) / 1_000;
}
