interface Job {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly result: Promise<unknown>;
}

/**
 * Work that many clients may ask for at once: a limited number at a time, in the order of the requests, with turns of
 * the event loop between. A client that asks for work which still waits shares it; work that has begun is not shared,
 * since it may have read data that changed since.
 */
export class SharedWork {
  readonly #waiting = new Map<string, Job>();
  readonly #concurrency: number;
  #running = 0;

  constructor(atOnce: number) {
    this.#concurrency = atOnce;
  }

  /** @param key identifies the result: equal keys, equal results */
  run<Value>(key: string, work: () => Value | Promise<Value>): Promise<Value> {
    const known = this.#waiting.get(key);
    // equal keys have equal types
    if (known !== undefined) return known.result as Promise<Value>;
    const { promise, resolve, reject } = withResolvers<unknown>();
    this.#waiting.set(key, { work, resolve, reject, result: promise });
    this.#schedule();
    return promise as Promise<Value>;
  }

  #schedule(): void {
    if (this.#running >= this.#concurrency || this.#waiting.size === 0) return;
    this.#running += 1;
    setImmediate(() => void this.#runNext());
  }

  async #runNext(): Promise<void> {
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
    this.#schedule();
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
