import { PeriodicTask, type MonotonicMs, type TaskContext } from '../../domain/clock.ts';
import { LedgerUnavailableError } from '../ledger.ts';
import type { Reply } from './protocol.ts';

interface PendingOptions extends TaskContext {
  readonly callTimeoutMs: number;
  readonly maxBytesInFlight: number;
}

interface Pending {
  readonly bytes: number;
  readonly deadline: MonotonicMs;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LedgerUnavailableError) => void;
}

const CHECK_MS = 100;

/**
 * The calls that the thread has not answered yet. A caller is released at its deadline, but its bytes count until the
 * thread answers, since they occupy memory until then.
 */
export class PendingCalls {
  readonly #options: PendingOptions;
  readonly #calls = new Map<number, Pending>();
  #nextId = 1;
  #bytes = 0;
  /** One for all of them: thousands of calls a second need no timer each. It runs while there are any. */
  readonly #deadlines: PeriodicTask;

  constructor(options: PendingOptions) {
    this.#options = options;
    const run = () => this.#rejectLate();
    this.#deadlines = new PeriodicTask(options, 'deadlines of calls to the ledger', CHECK_MS, run);
  }

  /** @throws LedgerUnavailableError if the pending calls exceed the limit of bytes */
  add(bytes: number): { id: number; answer: Promise<unknown> } {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#options.maxBytesInFlight) {
      throw new LedgerUnavailableError('The queue of the ledger is full; try again soon.');
    }
    const id = this.#nextId++;
    const deadline = this.#options.clock.monotonic() + this.#options.callTimeoutMs;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#calls.set(id, { bytes, deadline, resolve, reject });
    });
    this.#bytes += bytes;
    if (!this.#deadlines.active) this.#deadlines.start();
    return { id, answer };
  }

  settle(reply: Reply): void {
    const pending = this.#remove(reply.id);
    if (reply.ok) pending?.resolve(reply.value);
    else pending?.reject(new LedgerUnavailableError(reply.message));
  }

  failAll(message: string): void {
    for (const id of [...this.#calls.keys()]) this.#remove(id)?.reject(new LedgerUnavailableError(message));
  }

  #remove(id: number): Pending | undefined {
    const pending = this.#calls.get(id);
    if (pending === undefined) return undefined;
    this.#calls.delete(id);
    this.#bytes -= pending.bytes;
    return pending;
  }

  #rejectLate(): void {
    const now = this.#options.clock.monotonic();
    for (const pending of this.#calls.values()) {
      // they are in the order of their deadlines
      if (pending.deadline > now) break;
      const seconds = this.#options.callTimeoutMs / 1_000;
      pending.reject(new LedgerUnavailableError(`The ledger did not answer within ${seconds} s.`));
    }
    if (this.#calls.size === 0) this.#deadlines.stop();
  }
}
