import { fork, type ChildProcess } from 'node:child_process';
import { CollectorError } from './collector.ts';
import { STATFS_THREADS, type StatfsAnswer, type StatfsReply, type StatfsRequest } from './statfs-worker.ts';

interface Waiting {
  readonly resolve: (replies: readonly StatfsReply[]) => void;
  readonly reject: (error: Error) => void;
}

/** One statfs child and the questions it was asked. It keeps this process alive only while a question is open. */
export class StatfsChild {
  /** Fulfilled when the process is gone. */
  readonly ended: Promise<void>;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  /** @param path the compiled `statfs-child.js` */
  constructor(path: string) {
    this.#process = fork(path, [], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // It runs a few lines: without a compiler, a helper pool and a wide heap it needs a fifth less memory.
      execArgv: ['--jitless', '--v8-pool-size=0', '--max-semi-space-size=1'],
      env: { UV_THREADPOOL_SIZE: String(STATFS_THREADS) },
    });
    this.ended = new Promise((resolve) => {
      this.#process.once('exit', (code, signal) => {
        this.#fail(`the statfs child ${path} ended (${signal ?? `exit code ${code ?? 'unknown'}`})`);
        resolve();
      });
      this.#process.once('error', (error) => {
        this.#fail(`the statfs child ${path} cannot be started: ${error.message}`);
        if (this.#process.pid === undefined) resolve();
      });
    });
    this.#process.on('message', (message) => this.#take(message));
    this.#process.unref();
    this.#process.channel?.unref();
  }

  /** One reply per path, in that order. Rejects with a CollectorError when the child ends first. */
  ask(paths: readonly string[], limitMs: number): Promise<readonly StatfsReply[]> {
    const request: StatfsRequest = { id: ++this.#asked, paths, limitMs };
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject });
      this.#process.channel?.ref();
      // A failed send means that the child is going: its end rejects the question.
      this.#process.send(request, () => undefined);
    });
  }

  /** Cannot be ignored by the child; the kernel may still take its time. */
  kill(): void {
    this.#process.kill('SIGKILL');
  }

  #take(message: unknown): void {
    const { id, replies } = message as StatfsAnswer;
    this.#waiting.get(id)?.resolve(replies);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#process.channel?.unref();
  }

  #fail(why: string): void {
    for (const { reject } of this.#waiting.values()) reject(new CollectorError(why));
    this.#waiting.clear();
  }
}
