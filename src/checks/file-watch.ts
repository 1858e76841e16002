import { statSync, watch, type BigIntStats, type FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../domain/clock.ts';

export interface FileWatchOptions {
  /** Absolute. */
  readonly path: string;
  readonly clock: Clock;
  /** The file is another one than before, has other content, came or went. */
  readonly onChange: () => void;
}

/** An editor's or a deployment's several steps count as one. */
const SETTLE_MS = 100;
/** What no notice tells of: network file systems, a link's far end, a folder that was made anew. */
const POLL_MS = 5_000;

/**
 * Tells when a file changes. Its folder is watched, since files are mostly replaced and not written to (and a
 * Kubernetes ConfigMap replaces a link beside them); and the file is looked at every five seconds.
 */
export class FileWatch {
  readonly #options: FileWatchOptions;
  #watcher: FSWatcher | undefined;
  #signature: string;
  #cancelPoll: () => void = () => undefined;
  #cancelSettle: (() => void) | undefined;
  #stopped = false;

  constructor(options: FileWatchOptions) {
    this.#options = options;
    this.#signature = signatureNow(options.path);
    this.#watch();
    this.#pollLater();
  }

  stop(): void {
    this.#stopped = true;
    this.#watcher?.close();
    this.#cancelPoll();
    this.#cancelSettle?.();
  }

  #watch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
    if (this.#stopped) return;
    try {
      const watcher = watch(dirname(this.#options.path), { persistent: false }, () => this.#stirred());
      watcher.on('error', () => watcher.close());
      this.#watcher = watcher;
    } catch {
      // no such folder, or no more watches to be had: polling has to do
    }
  }

  #stirred(): void {
    this.#cancelSettle ??= this.#options.clock.after(SETTLE_MS, () => {
      this.#cancelSettle = undefined;
      void this.#look();
    });
  }

  #pollLater(): void {
    if (this.#stopped) return;
    this.#cancelPoll = this.#options.clock.after(POLL_MS, () => {
      void this.#look().then((changed) => {
        // the watch missed it, so it looks at the wrong folder by now
        if (changed || this.#watcher === undefined) this.#watch();
        this.#pollLater();
      });
    });
  }

  /** Whether the file changed since the last look. */
  async #look(): Promise<boolean> {
    const signature = await signatureOf(this.#options.path);
    const changed = signature !== this.#signature;
    this.#signature = signature;
    if (changed && !this.#stopped) this.#options.onChange();
    return changed;
  }
}

/** What a file's content cannot change without. */
function signature({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(':');
}

function absence(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code);
}

/** Before the first reading, so that nothing that happens after it is missed. */
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
