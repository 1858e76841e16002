import { createPrivateKey, X509Certificate } from 'node:crypto';

/** A block without an end must not include the next one. */
const BLOCK =
  /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(?:(?!-----BEGIN )[^])*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * The certificates of a PEM file. Unreadable blocks are skipped, as in Go; Node.js would silently ignore everything
 * after the first of them.
 */
export function readCertificates(pem: string): readonly X509Certificate[] {
  return (pem.match(BLOCK) ?? []).flatMap((block) => {
    try {
      return [new X509Certificate(block)];
    } catch {
      return [];
    }
  });
}

/** Certificates as PEM text, one block after the other. */
export function writeCertificates(certificates: readonly X509Certificate[]): string {
  return certificates.map((one) => one.toString()).join('');
}

/**
 * Whether a private key (PEM) belongs to the certificate. OpenSSL itself compares only keys of the certificate's
 * algorithm.
 * @throws Error when the key cannot be read
 */
export function isKeyOf(certificate: X509Certificate, key: string): boolean {
  return certificate.checkPrivateKey(createPrivateKey(key));
}
