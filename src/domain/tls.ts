import type { PeerCertificate, SecureContext } from 'node:tls';

/** The TLS options of a connection, as Node's `tls.connect` takes them. */
export interface TlsOptions {
  /** Trusted certificates and the client's own: read once, when the configuration is loaded. */
  readonly secureContext: SecureContext;
  /** The name to ask for and to verify, instead of the host's. */
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
  /** Whether a certificate is valid for the host, by Tocsin's rules instead of Node.js's. */
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}
