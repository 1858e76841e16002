import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';

/** One certificate of a chain as the server sent it. */
export interface ChainCertificate {
  /** Such as `CN=example.com,O=Example`. */
  readonly subject: string;
  readonly issuer: string;
  /** The names and addresses it is valid for, as OpenSSL writes them. */
  readonly names: string;
  /** RFC 3339, UTC. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Hexadecimal digits, lower case. */
  readonly serialNumber: string;
  readonly fingerprintSha256: string;
}

/** The certificates that a server sent, its own first. */
export function certificateChain(socket: TLSSocket): readonly ChainCertificate[] {
  return chainFrom(socket.getPeerCertificate(true), new Set());
}

/** Node returns an empty object instead of a missing certificate, and a root is its own issuer. */
function chainFrom(
  certificate: Partial<DetailedPeerCertificate> | undefined,
  seen: Set<string>,
): readonly ChainCertificate[] {
  if (certificate === undefined || !isCertificate(certificate)) return [];
  if (seen.has(certificate.fingerprint256)) return [];
  seen.add(certificate.fingerprint256);
  return [describe(certificate), ...chainFrom(certificate.issuerCertificate, seen)];
}

function isCertificate(given: Partial<DetailedPeerCertificate>): given is DetailedPeerCertificate {
  return given.fingerprint256 !== undefined;
}

function describe(certificate: DetailedPeerCertificate): ChainCertificate {
  const { subject, issuer, subjectaltname, valid_from, valid_to } = certificate;
  return {
    subject: nameText(subject),
    issuer: nameText(issuer),
    names: subjectaltname ?? '',
    validFrom: timeText(valid_from),
    validTo: timeText(valid_to),
    serialNumber: certificate.serialNumber.toLowerCase(),
    fingerprintSha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

function nameText(name: Readonly<Record<string, unknown>>): string {
  return Object.entries(name)
    .flatMap(([key, value]) => (Array.isArray(value) ? value : [value]).map((one) => `${key}=${String(one)}`))
    .join(',');
}

function timeText(text: string): string {
  const time = Date.parse(text);
  return Number.isNaN(time) ? text : new Date(time).toISOString().replace('.000', '');
}
