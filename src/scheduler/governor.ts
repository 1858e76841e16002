export interface Caps {
  /** Runs at the same time, in all. */
  readonly maxConcurrency: number;
  /** Runs at the same time against one host. */
  readonly maxPerHost: number;
}

/** Holds back what would exceed the caps: first come, first served, but a busy host never blocks another. */
export class Governor<Entry extends { readonly host: string }> {
  #caps: Caps;
  #running = 0;
  readonly #runningPerHost = new Map<string, number>();
  readonly #waiting = new Map<string, Entry[]>();

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  get running(): number {
    return this.#running;
  }

  setCaps(caps: Caps): void {
    this.#caps = caps;
  }

  /** Puts an entry in line; `next` hands it out. */
  enqueue(entry: Entry): void {
    const line = this.#waiting.get(entry.host);
    if (line === undefined) this.#waiting.set(entry.host, [entry]);
    else line.push(entry);
  }

  /** The next entry that may start now, its place already taken; undefined when none may. */
  next(): Entry | undefined {
    if (this.#running >= this.#caps.maxConcurrency) return undefined;
    for (const [host, line] of this.#waiting) {
      if ((this.#runningPerHost.get(host) ?? 0) >= this.#caps.maxPerHost) continue;
      const entry = line.shift();
      if (line.length === 0) this.#waiting.delete(host);
      if (entry === undefined) continue;
      this.#running += 1;
      this.#runningPerHost.set(host, (this.#runningPerHost.get(host) ?? 0) + 1);
      return entry;
    }
    return undefined;
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
  }
}
