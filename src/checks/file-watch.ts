import { statSync, watch, type BigIntStats, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PeriodicTask, type TaskContext } from '../domain/clock.ts';

export interface FileWatchOptions extends TaskContext {
  /** Absolute. */
  readonly path: string;
  /** Called when the file is replaced, changed, created or removed. */
  readonly onChange: () => void;
}

/** The steps of one save or one deployment count as one change. */
const SETTLE_MS = 100;
/** For changes without a notice: network file systems, the target of a link, a folder that was created again. */
const POLL_MS = 5_000;

/**
 * Reports when a file changes. The watch is on its folder, since most files are replaced rather than written to (and a
 * Kubernetes ConfigMap replaces a link beside them). The file is also checked every five seconds.
 */
export class FileWatch {
  readonly #options: FileWatchOptions;
  #watcher: FSWatcher | undefined;
  #signature: string;
  readonly #poll: PeriodicTask;
  #cancelSettle: (() => void) | undefined;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#signature = signatureNow(options.path);
    this.#poll = new PeriodicTask(options, 'poll of a file', POLL_MS, async () => {
      // if the watch missed the change, it is on the wrong folder by now
      if ((await this.#checkForChange()) || this.#watcher === undefined) this.#watch();
    }).start();
    this.#watch();
  }

  stop(): void {
    this.#poll.stop();
    this.#watcher?.close();
    this.#cancelSettle?.();
  }

  #watch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    if (!this.#poll.active) return;
    try {
      const watcher = watch(dirname(this.#options.path), { persistent: false }, () => this.#onEvent());
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch {
      // no such folder, or the limit of watches is reached: polling has to do
    }
  }

  #onEvent(): void {
    this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      void this.#checkForChange();
    });
  }

  /** Whether the file changed since the last look. */
  async #checkForChange(): Promise<boolean> {
    const signature = await signatureOf(this.#options.path);
    const changed = signature !== this.#signature;
    this.#signature = signature;
    if (changed && this.#poll.active) this.#options.onChange();
    return changed;
  }
}

/** A file's content cannot change without a change of this. */
function signature({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function absence(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

/** Taken before the first read, so that no later change is missed. */
function signatureNow(path: string): string {
  try {
    return signature(statSync(path, { bigint: true }));
  } catch (error) {
    return absence(error);
  }
}

async function signatureOf(path: string): Promise<string> {
  return stat(path, { bigint: true }).then(signature, absence);
}
