import type { X509Certificate } from 'node:crypto';
import { isIP, type Socket } from 'node:net';
import {
  connect,
  createSecureContext,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from 'node:tls';
import { onAbort, type CancelSignal } from '../../../domain/cancellation.ts';
import type { Verdict } from '../../../domain/result.ts';
import { failure, SUCCESS } from '../../../domain/result.ts';
import type { TlsOptions } from '../../../domain/tls.ts';
import type { Sample } from '../../../metrics/family.ts';
import { certificateNamesOf, isIssuedFor, serverNameIndication } from './certificate-names.ts';
import { CertificateReader, type ChainFacts } from './certificates.ts';
import { certificateChain, type ChainCertificate } from './chain.ts';
import { errorCode } from '../error-fields.ts';
import { fail } from '../failure.ts';
import { writeCertificates } from './pem.ts';
import { tlsFailure } from '../socket-errors.ts';
import { TrustAnchors } from './verified-chain.ts';
import { requireHostText } from '../wire-text.ts';

interface TlsClientOptions {
  /** The name to send and to verify, instead of the host's. */
  readonly serverName?: string | undefined;
  readonly insecureSkipVerify: boolean;
  /** Trusted certificates: roots, intermediates or a server's own. Undefined: those that Node.js trusts. */
  readonly trusted?: readonly X509Certificate[] | undefined;
  readonly context: SecureContextOptions;
}

/** A finished handshake: its facts are present even when the certificate is refused. */
export interface Handshake {
  readonly socket: TLSSocket;
  /** `failure` when the certificate is rejected; then nothing may be sent. */
  readonly verdict: Verdict;
  readonly samples: readonly Sample[];
}

export interface HandshakeOptions {
  readonly socket: Socket;
  /** The host that was dialled. */
  readonly host: string;
  readonly signal: CancelSignal;
  readonly alpn?: readonly string[];
  /** Whether `server_name` applies to this host: not after a redirect to another. */
  readonly ownHost?: boolean;
  /** Receives the chain, whatever the verdict. */
  readonly onChain?: ((chain: readonly ChainCertificate[]) => void) | undefined;
}

/** Makes TLS handshakes with one service's settings; files and trust store are loaded once. */
export class TlsClient {
  readonly #options: TlsClientOptions;
  readonly #certificates: CertificateReader;
  #context: SecureContext | undefined;

  constructor(options: TlsClientOptions) {
    this.#options = options;
    this.#certificates = new CertificateReader(new TrustAnchors(options.trusted));
  }

  /**
   * Loads certificates and keys.
   * @throws Error when OpenSSL cannot use them
   */
  prepare(): SecureContext {
    const { context, trusted } = this.#options;
    this.#context ??= createSecureContext({
      ...context,
      ...(trusted !== undefined && { ca: writeCertificates(trusted) }),
      // as in Go, a chain may end at any trusted certificate
      allowPartialTrustChain: true,
    });
    return this.#context;
  }

  /** The same for drivers that make their own handshakes. */
  get connectOptions(): TlsOptions {
    const { serverName, insecureSkipVerify } = this.#options;
    return {
      secureContext: this.prepare(),
      rejectUnauthorized: !insecureSkipVerify,
      ...(serverName !== undefined && { servername: serverNameIndication(serverName) }),
      checkServerIdentity: (host, { subjectaltname }) => {
        const name = serverName ?? host;
        if (isIssuedFor(certificateNamesOf(subjectaltname), name)) return undefined;
        // with Node's code, for drivers whose message must not be shown
        return Object.assign(new Error(otherName(name)), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      },
    };
  }

  get hasServerName(): boolean {
    return this.#options.serverName !== undefined;
  }

  /** These settings with a name to send and to verify, unless they already have one. */
  withServerName(name: string): TlsClient {
    if (this.#options.serverName !== undefined) return this;
    return new TlsClient({ ...this.#options, serverName: name });
  }

  /**
   * Starts TLS on a connected socket. Verification never ends the handshake: it is judged afterwards.
   * @throws ProbeFailure when the handshake fails
   */
  handshake(options: HandshakeOptions): Promise<Handshake> {
    const { socket: raw, host, signal, alpn, ownHost = true, onChain } = options;
    const name = (ownHost ? this.#options.serverName : undefined) ?? host;
    const skip = this.#options.insecureSkipVerify;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (isIP(name) === 0 && !name.startsWith('/')) requireHostText(name);
      const socket: TLSSocket = connect({
        socket: raw,
        host: name,
        servername: serverNameIndication(name),
        secureContext: this.prepare(),
        rejectUnauthorized: false,
        // judged afterwards
        checkServerIdentity: () => undefined,
        ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }),
      });
      const canReadChain = withoutPeerCertificate(socket);
      const closed = (): void =>
        reject(fail('tls', 'TLS handshake failed: the server closed the connection'));
      socket.on('error', (error) => reject(tlsFailure(error)));
      socket.once('close', closed);
      socket.once('secureConnect', () => {
        canReadChain();
        onChain?.(certificateChain(socket));
        socket.removeListener('close', closed);
        const facts = this.#certificates.read(
          socket,
          (names) => !skip && socket.authorized && isIssuedFor(names, name),
        );
        resolve({ socket, verdict: skip ? SUCCESS : judge(socket, facts, name), samples: facts.samples });
      });
      socket.once(
        'close',
        onAbort(signal, () => socket.destroy()),
      );
    });
  }
}

/**
 * Node reads the whole chain only to check the leaf's name, which costs about half as much as the handshake.
 * @returns a function that restores the socket's own `getPeerCertificate`
 */
function withoutPeerCertificate(socket: TLSSocket): () => void {
  Object.defineProperty(socket, 'getPeerCertificate', { value: () => ({}), configurable: true });
  return () => Reflect.deleteProperty(socket, 'getPeerCertificate');
}

const NOT_TRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its root is not trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its issuer is not known, or the server leaves out intermediate certificates',
  UNABLE_TO_GET_ISSUER_CERT: 'the issuer of an intermediate certificate is not known',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its issuer is not trusted, or the server leaves out intermediate certificates',
  CERT_REVOKED: 'it is revoked',
  INVALID_PURPOSE: 'it is not issued for servers',
  INVALID_CA: 'an issuer is not a certificate authority',
};

function judge(socket: TLSSocket, { leaf, names }: ChainFacts, name: string): Verdict {
  if (socket.authorized) return isIssuedFor(names, name) ? SUCCESS : failure('tls_name', otherName(name));
  const code = authorizationCode(socket.authorizationError);
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return failure('tls_expired', expiry(leaf, code));
  return failure(
    'tls_untrusted',
    `The certificate is not trusted: ${NOT_TRUSTED[code] ?? code.toLowerCase()}`,
  );
}

function otherName(name: string): string {
  return `The certificate is not valid for ${name}`;
}

/** Node's types say Error, but for invalid chains it is OpenSSL's code. */
function authorizationCode(error: unknown): string {
  if (typeof error === 'string') return error;
  return errorCode(error) || 'unknown';
}

/** When the certificate expired, or becomes valid; another certificate of its chain may be at fault. */
function expiry(leaf: X509Certificate | undefined, code: string): string {
  const early = code === 'CERT_NOT_YET_VALID';
  const moment = Date.parse((early ? leaf?.validFrom : leaf?.validTo) ?? '');
  if (early ? moment > Date.now() : moment < Date.now()) {
    const when = new Date(moment).toISOString().replace('.000', '');
    return early ? `The certificate is not valid before ${when}` : `The certificate expired at ${when}`;
  }
  return `Another certificate of the chain ${early ? 'is not valid yet' : 'has expired'}`;
}
