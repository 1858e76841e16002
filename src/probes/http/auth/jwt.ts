import { createPrivateKey, randomUUID, sign, type KeyObject } from 'node:crypto';
import type { EpochMs } from '../../../domain/clock.ts';

/** The signature algorithms that Prometheus supports, with OpenSSL's names of their digests. */
const DIGESTS = { RS256: 'sha256', RS384: 'sha384', RS512: 'sha512' } as const;
export type SignatureAlgorithm = keyof typeof DIGESTS;
export const SIGNATURE_ALGORITHMS: readonly string[] = Object.keys(DIGESTS);

/** The lifetime of an assertion, as in Prometheus. */
const LIFE_SECONDS = 600;

export interface AssertionSettings {
  readonly key: KeyObject;
  /** Identifies the key to the token endpoint; empty: omitted. */
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
  readonly scopes: readonly string[];
  /** Further claims, which override the standard ones of the same name. */
  readonly claims: Readonly<Record<string, unknown>>;
}

export function isSignatureAlgorithm(text: string): text is SignatureAlgorithm {
  return Object.hasOwn(DIGESTS, text);
}

/**
 * Reads an RSA private key (PEM, PKCS #1 or #8, without a passphrase) and signs with it once, so that one that cannot
 * sign is reported when the configuration is loaded.
 * @throws Error that describes the problem without showing the key
 */
export function readSigningKey(pem: string, algorithm: SignatureAlgorithm): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new Error('it is not a PEM private key without a passphrase');
  }
  if (key.asymmetricKeyType !== 'rsa') throw new Error(`it is of type ${key.asymmetricKeyType ?? 'unknown'}`);
  try {
    sign(DIGESTS[algorithm], Buffer.alloc(0), key);
  } catch {
    throw new Error(`it is too short for ${algorithm}`);
  }
  return key;
}

/**
 * A signed assertion of the client's identity. The claims are those of prometheus/common.
 * @param nowMs wall clock
 * @see https://www.rfc-editor.org/rfc/rfc7523#section-3
 */
export async function signedAssertion(settings: AssertionSettings, nowMs: EpochMs): Promise<string> {
  const { key, keyId, algorithm, issuer, subject, audience, scopes, claims } = settings;
  const now = Math.floor(nowMs / 1_000);
  const header = { alg: algorithm, typ: 'JWT', ...(keyId === '' ? {} : { kid: keyId }) };
  const body = {
    iss: issuer,
    sub: subject,
    aud: audience,
    jti: randomUUID(),
    iat: now,
    exp: now + LIFE_SECONDS,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(' ') }),
    ...claims,
  };
  const signed = `${encoded(header)}.${encoded(body)}`;
  const signature = await signature64(DIGESTS[algorithm], signed, key);
  return `${signed}.${signature}`;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** On another thread: signing takes milliseconds. */
function signature64(digest: string, text: string, key: KeyObject): Promise<string> {
  return new Promise((resolve, reject) => {
    sign(digest, Buffer.from(text), key, (error, signature) => {
      if (error === null) resolve(signature.toString('base64url'));
      else reject(error);
    });
  });
}
