import { Worker } from 'node:worker_threads';
import type { Clock } from '../../domain/clock.ts';
import type { Logger } from '../../domain/log.ts';
import { LedgerStartError, LedgerUnavailableError, type AlertRules, type LedgerSummary } from '../ledger.ts';
import { PendingCalls } from './pending-calls.ts';
import type { CallName, LedgerCalls, ThreadMessage, ThreadOptions } from './protocol.ts';

export interface LinkOptions {
  /** The thread's compiled entry point. */
  readonly threadUrl: URL;
  readonly thread: ThreadOptions;
  readonly logger: Logger;
  readonly clock: Clock;
  /** How long a call may take. */
  readonly callTimeoutMs: number;
  /** Limit for the bytes of deliveries that wait for the thread. */
  readonly maxBytesInFlight: number;
  readonly onSummary: (summary: LedgerSummary) => void;
}

interface Outgoing<Name extends CallName> {
  readonly argument: LedgerCalls[Name]['argument'];
  readonly bytes?: number;
  /** Buffers to be transferred. */
  readonly transfer?: readonly ArrayBuffer[];
}

const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 10_000;
/** A thread that ran at least this long is restarted after the shortest delay. */
const STABLE_MS = 10_000;
const CLOSE_MS = 10_000;
/** A body that exceeds this kills the thread, and not the process. */
const MAX_HEAP_MB = 1_024;

/** Keeps the ledger's thread running and forwards calls to it. */
export class ThreadLink {
  readonly #options: LinkOptions;
  readonly #pending: PendingCalls;
  #worker: Worker | undefined;
  #state: 'down' | 'up' | 'closed' = 'down';
  /** Why the ledger cannot be written. */
  #unwritableReason: string | undefined = 'it is being opened';
  #restartMs = FIRST_RESTART_MS;
  #upSince = 0;
  #cancelRestart: () => void = () => undefined;
  #rules: AlertRules | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#pending = new PendingCalls(options);
  }

  get unwritableReason(): string | undefined {
    return this.#unwritableReason;
  }

  /** The rules that a restarted thread begins with. */
  setRules(rules: AlertRules): void {
    this.#rules = rules;
  }

  /** @throws LedgerStartError with the thread's reason if it cannot start */
  start(): Promise<void> {
    const worker = new Worker(this.#options.threadUrl, {
      workerData: { ...this.#options.thread, ...(this.#rules && { rules: this.#rules }) },
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    this.#worker = worker;
    return new Promise((resolve, reject) => {
      let reason = 'The ledger cannot start: its thread ended before it was ready';
      worker.on('message', (message: ThreadMessage) => {
        if (message.kind === 'refused') reason = message.message;
        if (message.kind === 'ready') {
          this.#onReady();
          resolve();
        }
        this.#onMessage(message);
      });
      worker.on('error', (error: Error) => {
        reason =
          this.#state === 'up'
            ? error.message
            : `The ledger cannot start: its thread failed: ${error.message}`;
      });
      worker.once('exit', () => {
        this.#onExit(worker, reason);
        reject(new LedgerStartError(reason));
      });
    });
  }

  async call<Name extends CallName>(
    name: Name,
    outgoing: Outgoing<Name>,
  ): Promise<LedgerCalls[Name]['result']> {
    if (this.#state !== 'up' || this.#worker === undefined) {
      throw new LedgerUnavailableError(
        this.#state === 'closed' ? 'The ledger is closed.' : 'The ledger is restarting; try again soon.',
      );
    }
    const { id, answer } = this.#pending.add(outgoing.bytes ?? 0);
    const { argument, transfer = [] } = outgoing;
    this.#worker.postMessage({ id, call: name, argument }, transfer);
    // the thread's answers have the types of `LedgerCalls`
    return (await answer) as LedgerCalls[Name]['result'];
  }

  /** Lets the thread finish its pending calls, then ends it. */
  async close(): Promise<void> {
    const worker = this.#worker;
    const wasUp = this.#state === 'up';
    this.#state = 'closed';
    this.#unwritableReason = 'it is closed';
    this.#cancelRestart();
    if (worker === undefined) return;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const cancel = this.#options.clock.after(wasUp ? CLOSE_MS : 0, () => void worker.terminate());
    worker.postMessage({ call: 'close' });
    await ended;
    cancel();
  }

  #onMessage(message: ThreadMessage): void {
    switch (message.kind) {
      case 'replies':
        for (const reply of message.replies) this.#pending.settle(reply);
        break;
      case 'summary':
        this.#options.onSummary(message.summary);
        break;
      case 'writable':
        this.#unwritableReason = message.reason;
        break;
      case 'log':
        this.#options.logger[message.level](message.fields, message.message);
        break;
      case 'ready':
      case 'refused':
    }
  }

  #onReady(): void {
    if (this.#state === 'closed') return;
    this.#state = 'up';
    this.#unwritableReason = undefined;
    this.#upSince = this.#options.clock.monotonic();
  }

  #onExit(worker: Worker, reason: string): void {
    if (this.#worker === worker) this.#worker = undefined;
    const wasUp = this.#state === 'up';
    this.#pending.failAll('The ledger stopped before it answered; try again.');
    if (!wasUp) return;
    this.#state = 'down';
    this.#unwritableReason = `its thread ended and is being restarted: ${reason}`;
    if (this.#options.clock.monotonic() - this.#upSince > STABLE_MS) this.#restartMs = FIRST_RESTART_MS;
    this.#options.logger.error({ reason }, 'the ledger thread ended unexpectedly; restarting it');
    this.#restartLater();
  }

  #restartLater(): void {
    const delay = this.#restartMs;
    this.#restartMs = Math.min(delay * 2, LAST_RESTART_MS);
    this.#cancelRestart = this.#options.clock.after(delay, () => {
      this.start().then(
        () => this.#options.logger.info({}, 'the ledger thread is running again'),
        (error: unknown) => {
          if (this.#state === 'closed') return;
          const reason = error instanceof Error ? error.message : String(error);
          this.#unwritableReason = reason;
          this.#options.logger.error({ reason }, 'the ledger thread could not be restarted');
          this.#restartLater();
        },
      );
    });
  }
}
