export interface Caps {
  /** Runs at the same time, in all. */
  readonly maxConcurrency: number;
  /** Runs at the same time against one host. */
  readonly maxPerHost: number;
}

export interface Waiting {
  readonly host: string;
  /** After this time (ms) it is not worth starting any more. */
  readonly startBy: number;
}

/** How many may wait; what comes on top is turned away. */
const MAX_WAITING = 20_000;

/** Holds back what would exceed the caps: first come, first served, but a busy host never blocks another. */
export class Governor<Entry extends Waiting> {
  #caps: Caps;
  readonly #maxWaiting: number;
  #running = 0;
  #waitingCount = 0;
  readonly #runningPerHost = new Map<string, number>();
  readonly #waiting = new Map<string, Entry[]>();

  constructor(caps: Caps, maxWaiting = MAX_WAITING) {
    this.#caps = caps;
    this.#maxWaiting = maxWaiting;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  setCaps(caps: Caps): void {
    this.#caps = caps;
  }

  /** Puts an entry in line, where `next` finds it; false when the line is full and the entry was not taken. */
  enqueue(entry: Entry): boolean {
    if (this.#waitingCount >= this.#maxWaiting) return false;
    this.#waitingCount += 1;
    const line = this.#waiting.get(entry.host);
    if (line === undefined) this.#waiting.set(entry.host, [entry]);
    else line.push(entry);
    return true;
  }

  /** The next entry that may start now, its place already taken; undefined when none may. */
  next(): Entry | undefined {
    if (this.#running >= this.#caps.maxConcurrency) return undefined;
    for (const [host, line] of this.#waiting) {
      if ((this.#runningPerHost.get(host) ?? 0) >= this.#caps.maxPerHost) continue;
      const entry = line.shift();
      if (line.length === 0) this.#waiting.delete(host);
      if (entry === undefined) continue;
      this.#waitingCount -= 1;
      this.#running += 1;
      this.#runningPerHost.set(host, (this.#runningPerHost.get(host) ?? 0) + 1);
      return entry;
    }
    return undefined;
  }

  /** Takes those out of the lines that are not worth starting any more. */
  takeLate(now: number): readonly Entry[] {
    const late: Entry[] = [];
    for (const [host, line] of this.#waiting) {
      const inTime = line.filter((entry) => now <= entry.startBy);
      if (inTime.length === line.length) continue;
      late.push(...line.filter((entry) => now > entry.startBy));
      if (inTime.length === 0) this.#waiting.delete(host);
      else this.#waiting.set(host, inTime);
    }
    this.#waitingCount -= late.length;
    return late;
  }

  /** Gives back a place that `next` took. */
  release(entry: Entry): void {
    this.#running -= 1;
    const left = (this.#runningPerHost.get(entry.host) ?? 1) - 1;
    if (left === 0) this.#runningPerHost.delete(entry.host);
    else this.#runningPerHost.set(entry.host, left);
  }

  /** Forgets everything that waits. */
  clear(): void {
    this.#waiting.clear();
    this.#waitingCount = 0;
  }
}
