import type { MonotonicMs } from '../domain/clock.ts';
import { ipv6Bytes } from '../domain/ipv6.ts';
import { unwrappedAddress } from '../domain/network.ts';

export interface ScrapeGateLimits {
  /** Tokens added per second, more than 0. */
  readonly perSecond: number;
  /** Capacity of each client's bucket, at least 1. */
  readonly burst: number;
  /** Scrapes that may be in progress at a time. */
  readonly maxInFlight: number;
  /** Known scrapers: buckets that a flood cannot evict, and places that only they may take. */
  readonly trusted: { readonly empty: boolean; has(address: string): boolean };
}

export interface ScrapeGateOptions {
  readonly monotonic: () => MonotonicMs;
  /** Buckets that are kept; the least recently used one is evicted. */
  readonly maxClients?: number;
}

export type ScrapeDecision =
  | { readonly kind: 'admitted'; readonly release: () => void }
  | { readonly kind: 'limited' | 'overloaded'; readonly retryAfterSeconds: number };

const RESERVED_FOR_TRUSTED = 4;

/**
 * Decides who may scrape now: a token bucket for each client address (IPv6: for each /64) and a limit on scrapes in
 * progress. Every request passes here before any work is done for it, filtered ones too.
 */
export class ScrapeGate {
  readonly #clients: TokenBuckets;
  readonly #trustedClients: TokenBuckets;
  #limits: ScrapeGateLimits;
  #inFlight = 0;

  constructor(limits: ScrapeGateLimits, options: ScrapeGateOptions) {
    const { monotonic, maxClients = 10_000 } = options;
    this.#limits = checked(limits);
    this.#clients = new TokenBuckets(monotonic, maxClients);
    this.#trustedClients = new TokenBuckets(monotonic, maxClients);
  }

  /** Scrapes in progress. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Applies other limits from now on; scrapes in progress keep their place. */
  configure(limits: ScrapeGateLimits): void {
    this.#limits = checked(limits);
  }

  /**
   * Decides about one request. An admitted one holds a place until `release` is called (once or more often).
   * @param address as returned by the socket or a trusted proxy
   */
  admit(address: string): ScrapeDecision {
    const limits = this.#limits;
    const trusted = !limits.trusted.empty && limits.trusted.has(address);
    const buckets = trusted ? this.#trustedClients : this.#clients;
    const waitSeconds = buckets.take(clientKey(address), limits);
    if (waitSeconds > 0) return { kind: 'limited', retryAfterSeconds: Math.ceil(waitSeconds) };
    if (this.#inFlight >= maxInFlightFor(trusted, limits))
      return { kind: 'overloaded', retryAfterSeconds: 1 };
    this.#inFlight += 1;
    let inside = true;
    const release = () => {
      if (inside) this.#inFlight -= 1;
      inside = false;
    };
    return { kind: 'admitted', release };
  }
}

/** Token buckets, each stored as the one time at which it will be full again; at most `max` of them. */
class TokenBuckets {
  readonly #fullAt = new Map<string, number>();
  readonly #monotonic: () => MonotonicMs;
  readonly #max: number;

  constructor(monotonic: () => MonotonicMs, max: number) {
    this.#monotonic = monotonic;
    this.#max = max;
  }

  /** Takes a token and returns 0, or returns the seconds until there is one. */
  take(key: string, { perSecond, burst }: ScrapeGateLimits): number {
    const now = this.#monotonic();
    const tokenMs = 1_000 / perSecond;
    const fullAt = Math.max(now, this.#fullAt.get(key) ?? now) + tokenMs;
    const waitMs = fullAt - now - burst * tokenMs;
    // rounding must never delay a token: less than a nanosecond counts as available
    if (waitMs > 1e-6) return waitMs / 1_000;
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt);
    if (this.#fullAt.size > this.#max) this.#dropOldest();
    return 0;
  }

  #dropOldest(): void {
    const oldest = this.#fullAt.keys().next();
    if (oldest.done !== true) this.#fullAt.delete(oldest.value);
  }
}

function maxInFlightFor(trusted: boolean, { maxInFlight, trusted: networks }: ScrapeGateLimits): number {
  if (trusted || networks.empty) return maxInFlight;
  return Math.max(1, maxInFlight - RESERVED_FOR_TRUSTED);
}

function checked(limits: ScrapeGateLimits): ScrapeGateLimits {
  const { perSecond, burst, maxInFlight } = limits;
  if (perSecond > 0 && burst >= 1 && maxInFlight >= 1) return limits;
  throw new RangeError(
    `a gate needs perSecond above 0, burst and maxInFlight of at least 1; given ${perSecond}, ${burst} and ${maxInFlight}`,
  );
}

/** The key of a bucket: an IPv4 address, or the /64 from which one IPv6 host can choose addresses. */
export function clientKey(address: string): string {
  const plain = unwrappedAddress(address);
  const bytes = ipv6Bytes(plain);
  if (bytes.length === 0) return plain;
  const groups = [0, 2, 4, 6].map((i) => (((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0)).toString(16));
  return `${groups.join(':')}::/64`;
}
