import { createHash, timingSafeEqual } from 'node:crypto';
import type { Request } from 'express';
import type { Secret } from '../../domain/secret.ts';

/** The token that a request carries: a bearer token, or the password of basic authentication. */
export function requestToken(request: Request): string | undefined {
  const header = request.headers.authorization;
  if (header === undefined) return undefined;
  const [scheme = '', credentials = ''] = header.split(/ +/, 2);
  if (scheme.toLowerCase() === 'bearer') return credentials;
  if (scheme.toLowerCase() !== 'basic') return undefined;
  const decoded = Buffer.from(credentials, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon === -1 ? undefined : decoded.slice(colon + 1);
}

/** Whether a token is one of the valid ones; takes the same time whatever is given. */
export function matchesAnyToken(given: string | undefined, live: readonly Secret[]): boolean {
  const digest = sha256(given ?? '');
  let found = false;
  for (const secret of live) {
    if (timingSafeEqual(digest, sha256(secret.reveal()))) found = true;
  }
  return found && given !== undefined;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
