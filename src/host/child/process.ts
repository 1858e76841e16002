import { fork, type ChildProcess } from 'node:child_process';
import { CHILD_THREADS, type CallKind, type ChildAnswer, type ChildRequest } from './worker.ts';
import { CollectorError } from '../collector.ts';

interface Waiting {
  readonly resolve: (answer: ChildAnswer) => void;
  readonly reject: (error: Error) => void;
}

/** One child and its open requests. It keeps this process alive only while a request is open. */
export class HostChild {
  /** Fulfilled when the process has ended. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @param path the compiled `child.js` */
  constructor(path: string) {
    this.#process = fork(path, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // It runs a few lines: without a compiler, helper threads and a large heap it needs a fifth less memory.
      execArgv: ['--jitless', '--v8-pool-size=0', '--max-semi-space-size=1'],
      env: { UV_THREADPOOL_SIZE: String(CHILD_THREADS) },
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#fail(`the child process ${path} exited (${signal ?? `exit code ${code ?? 'unknown'}`})`);
        resolve();
      });
      this.#process.once('error', (error) => {
        this.#fail(`the child process ${path} cannot be started: ${error.message}`);
        if (this.#process.pid === undefined) resolve();
      });
    });
    this.#process.on('message', (message) => this.#onMessage(message));
    this.#process.unref();
    this.#process.channel?.unref();
  }

  /** Rejects with a CollectorError when the child ends first. */
  ask<K extends CallKind>(kind: K, paths: readonly string[], limitMs: number): Promise<ChildAnswer<K>> {
    const request: ChildRequest = { id: ++this.#lastId, kind, paths, limitMs };
    return new Promise((resolve, reject) => {
      // The worker answers a kind with results of that kind.
      this.#waiting.set(request.id, {
        resolve: (answer) => resolve(answer as ChildAnswer<K>),
        reject,
      });
      this.#process.channel?.ref();
      // A failed send means that the child is ending: its end rejects the request.
      this.#process.send(request, () => undefined);
    });
  }

  /** Cannot be ignored by the child; the kernel may still delay it. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #onMessage(message: unknown): void {
    const answer = message as ChildAnswer;
    this.#waiting.get(answer.id)?.resolve(answer);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#process.channel?.unref();
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new CollectorError(why));
    this.#waiting.clear();
  }
}
