import type { MonotonicMs } from '../domain/clock.ts';
import { clientKey } from './scrape-gate.ts';

/** A body that could not be read; `status` is the status of the answer. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly status: 400 | 413 | 415 | 503;

  constructor(status: BodyError['status'], message: string) {
    super(message);
    this.status = status;
  }
}

export interface BodyBudgetOptions {
  /** Bytes; read for each body, so that a reload applies. */
  readonly max: () => number;
  readonly monotonic: () => MonotonicMs;
  /** Whether an address that uploads more than another loses a place to it; otherwise only stalled uploads do. */
  readonly fair: boolean;
}

/** An upload that received nothing for this long loses its place when another one needs it. */
const STALLED_MS = 2_000;

/**
 * Limits the bytes of request bodies held at a time: from their arrival (not from the announced length) until their
 * content is on disk.
 */
export class BodyBudget {
  readonly #options: BodyBudgetOptions;
  readonly #reservations = new Set<BodyReservation>();
  readonly #perAddress = new Map<string, number>();
  #held = 0;

  constructor(options: BodyBudgetOptions) {
    this.#options = options;
  }

  get held(): number {
    return this.#held;
  }

  /**
   * A share of the budget for one body.
   * @param onLost called when the upload loses its place; the share is empty then
   */
  reserve(address: string, onLost: () => void): BodyReservation {
    return new BodyReservation(this, clientKey(address), onLost);
  }

  /** @throws BodyError 503 when this many more bytes do not fit; a single body always fits */
  allocate(share: BodyReservation, bytes: number): void {
    share.lastBytesAt = this.#options.monotonic();
    while (this.#held > share.bytes && this.#held + bytes > this.#options.max()) {
      const victim = this.#uploadToDrop(share, bytes);
      if (victim === undefined)
        throw new BodyError(503, 'The memory for deliveries in progress is full; try again soon.');
      victim.revoke();
    }
    this.#add(share, bytes);
  }

  free(share: BodyReservation): void {
    this.#add(share, -share.bytes);
  }

  #add(share: BodyReservation, bytes: number): void {
    share.bytes += bytes;
    this.#held += bytes;
    const ofAddress = this.#ofAddress(share) + bytes;
    if (share.bytes > 0) this.#reservations.add(share);
    else this.#reservations.delete(share);
    if (ofAddress > 0) this.#perAddress.set(share.key, ofAddress);
    else this.#perAddress.delete(share.key);
  }

  /** The upload to drop: a stalled one, else one of the address with the most bytes. */
  #uploadToDrop(newcomer: BodyReservation, bytes: number): BodyReservation | undefined {
    const others = [...this.#reservations].filter((one) => one !== newcomer && one.uploading);
    const stalledSince = this.#options.monotonic() - STALLED_MS;
    const stalled = others.find((one) => one.lastBytesAt <= stalledSince);
    if (stalled !== undefined || !this.#options.fair) return stalled;
    const own = this.#ofAddress(newcomer) + bytes;
    return others
      .filter((one) => one.key !== newcomer.key && this.#ofAddress(one) > own)
      .sort((one, other) => this.#ofAddress(other) - this.#ofAddress(one) || other.bytes - one.bytes)[0];
  }

  #ofAddress({ key }: BodyReservation): number {
    return this.#perAddress.get(key) ?? 0;
  }
}

/** The bytes that one body holds of the budget, released once. */
export class BodyReservation {
  readonly #budget: BodyBudget;
  readonly #onRevoked: () => void;
  readonly key: string;
  bytes = 0;
  /** When its last bytes arrived, by the monotonic clock. */
  lastBytesAt = 0;
  /** Whether more of it is expected; a body that was handed to the ledger is not dropped. */
  uploading = true;

  constructor(budget: BodyBudget, key: string, onLost: () => void) {
    this.#budget = budget;
    this.key = key;
    this.#onRevoked = onLost;
  }

  /** @throws BodyError 503 beyond the budget */
  grow(to: number): void {
    if (to > this.bytes) this.#budget.allocate(this, to - this.bytes);
  }

  revoke(): void {
    this.release();
    this.#onRevoked();
  }

  release(): void {
    this.uploading = false;
    if (this.bytes > 0) this.#budget.free(this);
  }
}
