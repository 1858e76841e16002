import { TimeHeap } from './heap.ts';

export interface Caps {
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
  #caps: Caps;
  #waitingCount = 0;
  readonly #places = new Places();
  /** The waiting entries, except those whose host was full when their turn came. */
  readonly #line = new Line<Entry>();
  /** Hosts with runs or with entries waiting for one of its places. */
  readonly #hosts = new Map<string, Host<Entry>>();

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  get running(): number {
    return this.#places.taken;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  setCaps(caps: Caps): void {
    this.#caps = caps;
    for (const { blocked } of this.#hosts.values()) while (blocked?.moveHeads(this.#line) === true);
  }

  /** Queues an entry for `next`. */
  enqueue(entry: Entry): void {
    this.#waitingCount += 1;
    this.#line.push(entry);
  }

  /** The next entry that may start now, its place already taken; undefined when none may. */
  next(): Entry | undefined {
    for (let entry = this.#first(); entry !== undefined; entry = this.#first()) {
      const host = this.#host(entry.host);
      if (!host.places.free(this.#caps.maxPerHost, entry.fast)) {
        host.blocked ??= new Line();
        host.blocked.push(entry);
        continue;
      }
      this.#waitingCount -= 1;
      this.#places.take(entry.fast);
      host.places.take(entry.fast);
      return entry;
    }
    return undefined;
  }

  /** Gives back a place that `next` took. */
  release(entry: Entry): void {
    this.#places.give(entry.fast);
    const host = this.#host(entry.host);
    host.places.give(entry.fast);
    // one place has become free: of each kind, the entry that has been due longest may try again
    const moved = host.blocked?.moveHeads(this.#line) === true;
    if (!moved && host.places.taken === 0) this.#hosts.delete(entry.host);
  }

  /** Takes the first entry for which there is a place in total out of the line. */
  #first(): Entry | undefined {
    const { maxConcurrency } = this.#caps;
    if (!this.#places.free(maxConcurrency, true)) return undefined;
    const { fast, slow } = this.#line;
    if (!this.#places.free(maxConcurrency, false)) return fast.pop();
    return (slow.peek()?.at ?? Infinity) < (fast.peek()?.at ?? Infinity) ? slow.pop() : fast.pop();
  }

  #host(name: string): Host<Entry> {
    const known = this.#hosts.get(name);
    if (known !== undefined) return known;
    const host: Host<Entry> = { places: new Places(), blocked: undefined };
    this.#hosts.set(name, host);
    return host;
  }
}

interface Host<Entry extends Waiting> {
  readonly places: Places;
  /** Entries waiting for a place of this host; most hosts never have any. */
  blocked: Line<Entry> | undefined;
}

/** Counts places: a quarter of them (none if there are fewer than four) is reserved for fast entries. */
class Places {
  taken = 0;
  #takenBySlow = 0;

  free(most: number, fast: boolean): boolean {
    return this.taken < most && (fast || this.#takenBySlow < most - Math.floor(most / 4));
  }

  take(fast: boolean): void {
    this.taken += 1;
    if (!fast) this.#takenBySlow += 1;
  }

  give(fast: boolean): void {
    this.taken -= 1;
    if (!fast) this.#takenBySlow -= 1;
  }
}

/** Waiting entries, fast and slow apart: either kind may start while the other has to wait. */
class Line<Entry extends Waiting> {
  readonly fast = new TimeHeap<Entry>();
  readonly slow = new TimeHeap<Entry>();

  push(entry: Entry): void {
    (entry.fast ? this.fast : this.slow).push(entry);
  }

  /** Moves the first entry of each kind to another line; returns whether there was any. */
  moveHeads(to: Line<Entry>): boolean {
    const fast = this.fast.pop();
    const slow = this.slow.pop();
    if (fast !== undefined) to.fast.push(fast);
    if (slow !== undefined) to.slow.push(slow);
    return fast !== undefined || slow !== undefined;
  }
}
