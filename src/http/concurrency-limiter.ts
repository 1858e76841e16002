import type { Response } from 'express';
import { clientKey } from './scrape-gate.ts';
import { sendProblem } from './problem.ts';

export interface ConcurrencyLimits {
  /** Requests that may be in flight at a time. */
  readonly max: number;
  /** The most of them that one address may have (IPv6: one /64). */
  readonly maxPerAddress: number;
  /** How many of them are reserved for requests with a valid token. */
  readonly reserved: number;
}

/** The sender of a request. */
export interface IdentifiedClient {
  /** As returned by `clientAddress`. */
  readonly address: string;
  /** Whether it presented a valid token. */
  readonly authenticated: boolean;
}

export type ConcurrencyDecision =
  | { readonly kind: 'admitted'; readonly release: () => void }
  /** `limited`: its address has as many as one address may have; `overloaded`: all places are taken. */
  | { readonly kind: 'limited' | 'overloaded' };

/**
 * Limits requests in flight: in total, per address, and with some reserved for clients with a valid token. One address
 * cannot take all places, and clients without a token cannot take those that are reserved.
 */
export class ConcurrencyLimiter {
  readonly #limits: () => ConcurrencyLimits;
  readonly #perAddress = new Map<string, number>();
  #inUse = 0;

  /** @param limits read for each request, so that a reload applies */
  constructor(limits: () => ConcurrencyLimits) {
    this.#limits = limits;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** Decides about one request. An admitted one holds a place until `release` is called (once or more often). */
  acquire({ address, authenticated }: IdentifiedClient): ConcurrencyDecision {
    const { max, maxPerAddress, reserved } = this.#limits();
    const key = clientKey(address);
    const ofAddress = this.#perAddress.get(key) ?? 0;
    if (ofAddress >= maxPerAddress) return { kind: 'limited' };
    if (this.#inUse >= (authenticated ? max : Math.max(1, max - reserved))) return { kind: 'overloaded' };
    this.#inUse += 1;
    this.#perAddress.set(key, ofAddress + 1);
    let inside = true;
    const release = () => {
      if (inside) this.#release(key);
      inside = false;
    };
    return { kind: 'admitted', release };
  }

  #release(key: string): void {
    this.#inUse -= 1;
    const rest = (this.#perAddress.get(key) ?? 0) - 1;
    if (rest > 0) this.#perAddress.set(key, rest);
    else this.#perAddress.delete(key);
  }
}

/**
 * Answers a request that got no place: 429 or 503, with `Retry-After`.
 * @param what is limited, in the plural, such as `reads`
 */
export function sendTooManyRequests(response: Response, kind: 'limited' | 'overloaded', what: string): void {
  // closes the connection, which would otherwise idle and count against the limit
  response.set({ 'Retry-After': '1', 'Cache-Control': 'no-store', Connection: 'close' });
  const [status, detail] =
    kind === 'limited'
      ? [429, `This address has reached its limit of concurrent ${what}. Try again when one has ended.`]
      : [503, `The limit of concurrent ${what} is reached. Try again.`];
  sendProblem(response, { status, title: `Too many concurrent ${what}`, detail });
}
