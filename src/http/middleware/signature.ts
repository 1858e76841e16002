import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { HmacConfig } from '../../config/types.ts';
import type { EpochMs } from '../../domain/clock.ts';

/** How far a signature's timestamp may be from the current time. */
const WINDOW_SECONDS = 300;

/** A signature that is computed while the body arrives. */
export interface Signature {
  readonly hmac: ReturnType<typeof createHmac>;
  /** The signature in the request, hexadecimal. */
  readonly given: string;
}

/**
 * Begins to verify a signature as Grafana makes it: HMAC-SHA256, hexadecimal, over the body, or over `<unix
 * seconds>:<body>` where a header has the timestamp.
 * @returns the problem where the request has no signature, or one that is too old
 */
export function startSignature(
  { headers }: Pick<IncomingMessage, 'headers'>,
  { secret, header, timestampHeader }: HmacConfig,
  now: EpochMs,
): Signature | { readonly problem: string } {
  const given = headers[header];
  if (typeof given !== 'string')
    return { problem: `The header ${header} is missing; it carries the signature.` };
  const hmac = createHmac('sha256', secret.reveal());
  if (timestampHeader === undefined) return { hmac, given };
  const timestamp = headers[timestampHeader];
  if (typeof timestamp !== 'string' || !/^\d{1,12}$/.test(timestamp)) {
    return {
      problem: `The header ${timestampHeader} is missing; it carries the time in seconds since 1970.`,
    };
  }
  if (Math.abs(now / 1_000 - Number(timestamp)) > WINDOW_SECONDS) {
    const problem = `The time in ${timestampHeader} is more than ${WINDOW_SECONDS} s from the local time; check both clocks.`;
    return { problem };
  }
  hmac.update(`${timestamp}:`);
  return { hmac, given };
}

/** Whether the given signature matches the HMAC of the data; takes constant time. */
export function verifySignature({ hmac, given }: Signature): boolean {
  const expected = hmac.digest();
  const claimed = Buffer.from(/^[0-9a-f]{64}$/i.test(given) ? given : '', 'hex');
  return (
    timingSafeEqual(expected, claimed.length === 32 ? claimed : Buffer.alloc(32)) && claimed.length === 32
  );
}
