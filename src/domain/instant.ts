/** A point in time: nanoseconds since the Unix epoch. */
export type EpochNs = bigint;

/** A point in time with nanoseconds: `Date` has only milliseconds, senders have more. */
export interface Instant {
  readonly ns: EpochNs;
  /** As the sender wrote it, its offset included. */
  readonly text: string;
}

const NS_PER_MS = 1_000_000n;
const NS_PER_SECOND = 1_000_000_000n;
const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt]([01]\d|2[0-3]):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/**
 * Parses an RFC 3339 time with up to nine fractional digits; undefined when it is invalid.
 * @see https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 */
export function parseInstant(text: string): Instant | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const seconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second === '60' ? '59' : second}Z`);
  if (Number.isNaN(seconds)) return undefined;
  // `Date` reads the 30th of February as the 2nd of March
  if (Number(day) > 28 && new Date(seconds).getUTCDate() !== Number(day)) return undefined;
  const leap = second === '60' ? 1_000n : 0n;
  const ns = (BigInt(seconds) + leap - BigInt(offsetMs(zone))) * NS_PER_MS + BigInt(fraction.padEnd(9, '0'));
  return { ns, text };
}

function offsetMs(zone: string): number {
  if (zone === 'Z' || zone === 'z') return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

export function toNanoseconds(ms: number): bigint {
  return BigInt(ms) * NS_PER_MS;
}

/** Rounded towards zero. */
export function toMilliseconds(ns: bigint): number {
  return Number(ns / NS_PER_MS);
}

/** Writes an instant in UTC, RFC 3339, with as many fractional digits as it has (none when whole). */
export function formatInstant(ns: EpochNs): string {
  const rest = Number(ns % NS_PER_SECOND);
  const fraction = rest < 0 ? rest + 1e9 : rest;
  const seconds = Number(ns / NS_PER_SECOND) - (rest < 0 ? 1 : 0);
  const whole = new Date(seconds * 1_000).toISOString().slice(0, -5);
  return fraction === 0 ? `${whole}Z` : `${whole}.${digitsOf(fraction)}Z`;
}

/** @param fraction nanoseconds of a second */
function digitsOf(fraction: number): string {
  const digits = fraction.toString().padStart(9, '0');
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}
