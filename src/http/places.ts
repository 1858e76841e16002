import type { Response } from 'express';
import { clientKey } from './scrape-gate.ts';
import { sendProblem } from './problem.ts';

export interface PlaceLimits {
  /** Requests that may be in flight at a time. */
  readonly max: number;
  /** The most of them that one address may have (IPv6: one /64). */
  readonly maxPerAddress: number;
  /** How many of them are reserved for requests with a valid token. */
  readonly reserved: number;
}

/** The sender of a request. */
export interface PlaceClient {
  /** As returned by `clientAddress`. */
  readonly address: string;
  /** Whether it presented a valid token. */
  readonly proven: boolean;
}

export type PlaceDecision =
  | { readonly kind: 'admitted'; readonly leave: () => void }
  /** `limited`: its address has as many as one address may have; `overloaded`: all places are taken. */
  | { readonly kind: 'limited' | 'overloaded' };

/**
 * Limits requests in flight: in total, per address, and with some reserved for clients with a valid token. One address
 * cannot take all places, and clients without a token cannot take those that are reserved.
 */
export class Places {
  readonly #limits: () => PlaceLimits;
  readonly #perAddress = new Map<string, number>();
  #taken = 0;

  /** @param limits read for each request, so that a reload applies */
  constructor(limits: () => PlaceLimits) {
    this.#limits = limits;
  }

  get taken(): number {
    return this.#taken;
  }

  /** Decides about one request. An admitted one holds a place until `leave` is called (once or more often). */
  enter({ address, proven }: PlaceClient): PlaceDecision {
    const { max, maxPerAddress, reserved } = this.#limits();
    const key = clientKey(address);
    const ofAddress = this.#perAddress.get(key) ?? 0;
    if (ofAddress >= maxPerAddress) return { kind: 'limited' };
    if (this.#taken >= (proven ? max : Math.max(1, max - reserved))) return { kind: 'overloaded' };
    this.#taken += 1;
    this.#perAddress.set(key, ofAddress + 1);
    let inside = true;
    const leave = () => {
      if (inside) this.#left(key);
      inside = false;
    };
    return { kind: 'admitted', leave };
  }

  #left(key: string): void {
    this.#taken -= 1;
    const rest = (this.#perAddress.get(key) ?? 0) - 1;
    if (rest > 0) this.#perAddress.set(key, rest);
    else this.#perAddress.delete(key);
  }
}

/**
 * Answers a request that got no place: 429 or 503, with `Retry-After`.
 * @param what is limited, in the plural, such as `reads`
 */
export function refusePlace(response: Response, kind: 'limited' | 'overloaded', what: string): void {
  // closes the connection, which would otherwise idle and count against the limit
  response.set({ 'Retry-After': '1', 'Cache-Control': 'no-store', Connection: 'close' });
  const [status, detail] =
    kind === 'limited'
      ? [429, `This address has reached its limit of concurrent ${what}. Try again when one has ended.`]
      : [503, `The limit of concurrent ${what} is reached. Try again.`];
  sendProblem(response, { status, title: `Too many concurrent ${what}`, detail });
}
