import { TimeHeap } from './time-heap.ts';

export interface ConcurrencyCaps {
  /** Concurrent runs, in total. */
  readonly maxConcurrency: number;
  /** Concurrent runs against one host. */
  readonly maxPerHost: number;
}

/** Must not change between `enqueue` and `release`. */
export interface Waiting {
  readonly host: string;
  /** When it is due (ms). */
  readonly at: number;
  /** Whether it may take the places reserved for fast entries. */
  readonly fast: boolean;
}

/**
 * Holds back what would exceed the caps: what has been due longest goes first, but a busy host never blocks another.
 *
 * A quarter of the places, in total and per host, is reserved for fast entries: whatever hangs, they have places that
 * become free soon.
 */
export class Governor<Entry extends Waiting> {
  #caps: ConcurrencyCaps;
  #waitingCount = 0;
  readonly #slots = new Slots();
  /** The waiting entries, except those whose host was full when their turn came. */
  readonly #queue = new WaitingQueue<Entry>();
  /** Hosts with runs or with entries waiting for one of its places. */
  readonly #hosts = new Map<string, Host<Entry>>();

  constructor(caps: ConcurrencyCaps) {
    this.#caps = caps;
  }

  get running(): number {
    return this.#slots.taken;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  setCaps(caps: ConcurrencyCaps): void {
    this.#caps = caps;
    for (const { blocked } of this.#hosts.values()) while (blocked?.moveHeads(this.#queue) === true);
  }

  /** Queues an entry for `next`. */
  enqueue(entry: Entry): void {
    this.#waitingCount += 1;
    this.#queue.push(entry);
  }

  /** The next entry that may start now, its place already taken; undefined when none may. */
  next(): Entry | undefined {
    for (let entry = this.#first(); entry !== undefined; entry = this.#first()) {
      const host = this.#host(entry.host);
      if (!host.slots.hasFree(this.#caps.maxPerHost, entry.fast)) {
        host.blocked ??= new WaitingQueue();
        host.blocked.push(entry);
        continue;
      }
      this.#waitingCount -= 1;
      this.#slots.acquire(entry.fast);
      host.slots.acquire(entry.fast);
      return entry;
    }
    return undefined;
  }

  /** Gives back a place that `next` took. */
  release(entry: Entry): void {
    this.#slots.release(entry.fast);
    const host = this.#host(entry.host);
    host.slots.release(entry.fast);
    // one place has become free: of each kind, the entry that has been due longest may try again
    const moved = host.blocked?.moveHeads(this.#queue) === true;
    if (!moved && host.slots.taken === 0) this.#hosts.delete(entry.host);
  }

  /** Takes the first entry for which there is a place in total out of the line. */
  #first(): Entry | undefined {
    const { maxConcurrency } = this.#caps;
    if (!this.#slots.hasFree(maxConcurrency, true)) return undefined;
    const { fast, slow } = this.#queue;
    if (!this.#slots.hasFree(maxConcurrency, false)) return fast.pop();
    return (slow.peek()?.at ?? Infinity) < (fast.peek()?.at ?? Infinity) ? slow.pop() : fast.pop();
  }

  #host(name: string): Host<Entry> {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host: Host<Entry> = { slots: new Slots(), blocked: undefined };
    this.#hosts.set(name, host);
    return host;
  }
}

interface Host<Entry extends Waiting> {
  readonly slots: Slots;
  /** Entries waiting for a place of this host; most hosts never have any. */
  blocked: WaitingQueue<Entry> | undefined;
}

/** Counts places: a quarter of them (none if there are fewer than four) is reserved for fast entries. */
class Slots {
  taken = 0;
  #usedBySlow = 0;

  hasFree(most: number, fast: boolean): boolean {
    return this.taken < most && (fast || this.#usedBySlow < most - Math.floor(most / 4));
  }

  acquire(fast: boolean): void {
    this.taken += 1;
    if (!fast) this.#usedBySlow += 1;
  }

  release(fast: boolean): void {
    this.taken -= 1;
    if (!fast) this.#usedBySlow -= 1;
  }
}

/** Waiting entries, fast and slow apart: either kind may start while the other has to wait. */
class WaitingQueue<Entry extends Waiting> {
  readonly fast = new TimeHeap<Entry>();
  readonly slow = new TimeHeap<Entry>();

  push(entry: Entry): void {
    (entry.fast ? this.fast : this.slow).push(entry);
  }

  /** Moves the first entry of each kind to another line; returns whether there was any. */
  moveHeads(to: WaitingQueue<Entry>): boolean {
    const fast = this.fast.pop();
    const slow = this.slow.pop();
    if (fast !== undefined) to.fast.push(fast);
    if (slow !== undefined) to.slow.push(slow);
    return fast !== undefined || slow !== undefined;
  }
}
