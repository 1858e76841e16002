import type { PeerCertificate, SecureContext } from 'node:tls';

/** How TLS is spoken to a server, as Node's `tls.connect` takes it. */
export interface TlsOptions {
  /** Certificates that are trusted, and one's own: read once, when the configuration is loaded. */
  readonly secureContext: SecureContext;
  /** The name to ask for and to verify, instead of the host's. */
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
  /** Whether a certificate is issued for the host: as everywhere in Tocsin, and not as Node.js decides it. */
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}
