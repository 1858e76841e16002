import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import type { EpochMs } from '../../../domain/clock.ts';

/** The most signatures checked for one chain: a server may send certificates that combine in very many ways. */
const MAX_CHECKS = 100;

/** The trusted certificates: those of `ca_file`, or Node.js's own, read on first use. */
export class TrustAnchors {
  readonly #given: readonly X509Certificate[] | undefined;
  #byName: ReadonlyMap<string, readonly X509Certificate[]> | undefined;

  constructor(given: readonly X509Certificate[] | undefined) {
    this.#given = given;
  }

  named(subject: string): readonly X509Certificate[] {
    this.#byName ??= bySubject(this.#given ?? rootCertificates.map((pem) => new X509Certificate(pem)));
    return this.#byName.get(subject) ?? [];
  }

  has(certificate: X509Certificate): boolean {
    return this.named(certificate.subject).some((one) => one.fingerprint256 === certificate.fingerprint256);
  }
}

function bySubject(
  certificates: readonly X509Certificate[],
): ReadonlyMap<string, readonly X509Certificate[]> {
  const map = new Map<string, X509Certificate[]>();
  for (const one of certificates) map.set(one.subject, [...(map.get(one.subject) ?? []), one]);
  return map;
}

/** A partial chain. */
interface Link {
  readonly certificate: X509Certificate;
  readonly before: Link | undefined;
  /** The earliest expiry so far. */
  readonly expiry: EpochMs;
}

/**
 * The expiry of the best chain from the certificates that a server sent, its own first, to a trusted one: the latest of
 * all chains' earliest expiries, as in blackbox_exporter. A trusted intermediate certificate ends a chain, and so does
 * the server's own.
 * @returns; undefined when no chain leads to an anchor
 */
export function verifiedExpiry(
  sent: readonly X509Certificate[],
  anchors: TrustAnchors,
  now: EpochMs,
): number | undefined {
  const [leaf, ...others] = sent;
  let checks = 0;
  const issuersOf = (certificate: X509Certificate): readonly X509Certificate[] => {
    const fits = (one: X509Certificate): boolean =>
      one.subject === certificate.issuer && (checks += 1) <= MAX_CHECKS && hasIssued(one, certificate);
    return [...anchors.named(certificate.issuer), ...others.filter(({ ca }) => ca)].filter(fits);
  };
  const best = (certificate: X509Certificate, before: Link | undefined): number | undefined => {
    if (isIn(certificate, before) || !isValidAt(certificate, now)) return undefined;
    const own = Date.parse(certificate.validTo);
    const link = { certificate, before, expiry: Math.min(own, before?.expiry ?? own) };
    if (anchors.has(certificate)) return link.expiry;
    const ends = issuersOf(certificate).map((issuer) => best(issuer, link));
    const known = ends.filter((end) => end !== undefined);
    return known.length === 0 ? undefined : Math.max(...known);
  };
  return leaf === undefined ? undefined : best(leaf, undefined);
}

function isIn(certificate: X509Certificate, link: Link | undefined): boolean {
  for (let at = link; at !== undefined; at = at.before)
    if (at.certificate.fingerprint256 === certificate.fingerprint256) return true;
  return false;
}

function hasIssued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt({ validFrom, validTo }: X509Certificate, now: EpochMs): boolean {
  return Date.parse(validFrom) <= now && now <= Date.parse(validTo);
}
