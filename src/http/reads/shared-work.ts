interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly result: Promise<unknown>;
}

/**
 * Work that many clients may ask for at once: so much at a time, in the order in which it was asked for, and the
 * event loop turns between. Who asks for what already waits shares it; what has begun is not shared, for it may have
 * read what has changed since.
 */
export class SharedWork {
  readonly #waiting = new Map<string, Job>();
  readonly #atOnce: number;
  #running = 0;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** @param key names what the work gives: equal keys, equal results */
  do<Value>(key: string, work: () => Value | Promise<Value>): Promise<Value> {
    const known = this.#waiting.get(key);
    // equal keys give equal types
    if (known !== undefined) return known.result as Promise<Value>;
    const { promise, resolve, reject } = withResolvers<unknown>();
    this.#waiting.set(key, { work, resolve, reject, result: promise });
    this.#begin();
    return promise as Promise<Value>;
  }

  #begin(): void {
    if (this.#running >= this.#atOnce || this.#waiting.size === 0) return;
    this.#running += 1;
    setImmediate(() => void this.#run());
  }

  async #run(): Promise<void> {
    for (const [key, job] of this.#waiting) {
      this.#waiting.delete(key);
      try {
        job.resolve(await job.work());
      } catch (error) {
        job.reject(error);
      }
      break;
    }
    this.#running -= 1;
    this.#begin();
  }
}

function withResolvers<Value>() {
  let resolve: (value: Value) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Value>((fulfil, fail) => {
    resolve = fulfil;
    reject = fail;
  });
  return { promise, resolve, reject };
}
