import { Worker } from 'node:worker_threads';
import { cutOnAbort, type CancelSignal } from '../../../domain/cancellation.ts';
import type { Clock } from '../../../domain/clock.ts';
import type { CelOutcome, CelTask, EvaluateCel } from './cel-judge.ts';

export interface CelThreadOptions {
  /** The folder of the built code, with the thread's entry point. */
  readonly codeUrl: URL;
  readonly clock: Clock;
  /** The limit of one evaluation, whatever its run's deadline: others wait for it. */
  readonly limitMs?: number;
  /** The most bytes of bodies that may wait. */
  readonly maxWaitingBytes?: number;
  /** The values that an expression makes of a body may be many times its size. */
  readonly maxHeapMb?: number;
}

interface Job {
  readonly task: CelTask;
  readonly settle: (outcome: CelOutcome) => void;
  readonly fail: (error: Error) => void;
}

const LIMIT_MS = 5_000;
const MAX_WAITING_BYTES = 64 * 2 ** 20;
const MAX_HEAP_MB = 256;

/**
 * Evaluates CEL in its own thread, one body at a time: an expression may take the square or cube of a body's length,
 * and the library has no limit. The thread is ended when an evaluation takes too long, and restarted for the next one.
 */
export class CelThread {
  readonly #options: CelThreadOptions;
  readonly #waiting = new Set<Job>();
  #waitingBytes = 0;
  #current: Job | undefined;
  #worker: Worker | undefined;
  #cancelLimit: () => void = () => undefined;
  #stopped = false;

  constructor(options: CelThreadOptions) {
    this.#options = options;
  }

  readonly evaluate: EvaluateCel = (task, signal) => {
    const { maxWaitingBytes = MAX_WAITING_BYTES } = this.#options;
    const full = this.#waitingBytes + task.body.length > maxWaitingBytes;
    if (full || this.#stopped || signal.aborted) return Promise.resolve({ late: 'turn' });
    return this.#add(task, signal);
  };

  /** Ends the thread; waiting evaluations end as late. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const job of this.#waiting) job.settle({ late: 'turn' });
    this.#waiting.clear();
    this.#current?.settle({ late: 'evaluation' });
    await this.#end();
  }

  #add(task: CelTask, signal: CancelSignal): Promise<CelOutcome> {
    let giveUp: () => void = () => undefined;
    const outcome = new Promise<CelOutcome>((settle, fail) => {
      const job = { task, settle, fail };
      giveUp = () => this.#giveUp(job);
      this.#waiting.add(job);
      this.#waitingBytes += task.body.length;
    });
    this.#next();
    return cutOnAbort(outcome, signal, giveUp);
  }

  #giveUp(job: Job): void {
    if (job === this.#current) {
      job.settle({ late: 'evaluation' });
      void this.#end();
      this.#next();
    } else if (this.#waiting.delete(job)) {
      this.#waitingBytes -= job.task.body.length;
      job.settle({ late: 'turn' });
    }
  }

  #next(): void {
    const [job] = this.#waiting;
    if (this.#current !== undefined || job === undefined) return;
    this.#waiting.delete(job);
    this.#waitingBytes -= job.task.body.length;
    this.#current = job;
    const { clock, limitMs = LIMIT_MS } = this.#options;
    this.#cancelLimit = clock.after(limitMs, () => this.#giveUp(job));
    this.#worker ??= this.#start();
    // a working thread keeps the process alive, an idle one does not
    this.#worker.ref();
    const body = new Uint8Array(job.task.body);
    this.#worker.postMessage({ ...job.task, body }, [body.buffer]);
  }

  #start(): Worker {
    const { maxHeapMb = MAX_HEAP_MB } = this.#options;
    const worker = new Worker(new URL('./app/threads/cel-thread.js', this.#options.codeUrl), {
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
    });
    worker.on('message', (complaint: string | undefined) => {
      if (worker === this.#worker) this.#done((job) => job.settle({ complaint }));
    });
    worker.on('error', (error: Error & { code?: string }) => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      const memory = `The CEL expression needs more than ${maxHeapMb} MiB of memory on this body`;
      this.#done((job) =>
        error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? job.settle({ complaint: memory }) : job.fail(error),
      );
    });
    return worker;
  }

  #done(settle: (job: Job) => void): void {
    const job = this.#current;
    this.#cancelLimit();
    this.#current = undefined;
    this.#worker?.unref();
    if (job !== undefined) settle(job);
    this.#next();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    this.#cancelLimit();
    this.#current = undefined;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
