import { statSync } from 'node:fs';

/** A file of the ledger under the name by which the next start will look for it. */
interface NamedFile {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
  /** What helps when it is another file or none. */
  readonly advice: string;
}

const MAIN_ADVICE = 'Put the file back, or restart Tocsin to begin a new ledger';
const LOG_ADVICE = 'Restart Tocsin, which writes what is in it back into the ledger';

/**
 * Whether the files that SQLite has open are still those that their names lead to. SQLite goes on writing to a file that was
 * deleted or moved; at the next start all of that would be missing.
 */
export class FileIdentity {
  readonly #files: readonly NamedFile[];
  readonly #counted: readonly string[];

  /**
   * @param given as configured, perhaps a symbolic link: where it leads to must not change either
   * @param real where SQLite keeps its write-ahead log beside
   */
  constructor(given: string, real: string) {
    this.#counted = [real, `${real}-wal`];
    this.#files = [
      identify(given, MAIN_ADVICE),
      identify(`${real}-wal`, LOG_ADVICE),
      identify(`${real}-shm`, LOG_ADVICE),
    ];
  }

  /** Of the ledger and its log together. */
  bytes(): number {
    return this.#counted.reduce(
      (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /** What is wrong, as a sentence without its full stop. Costs some microseconds. */
  problem(): string | undefined {
    for (const { path, device, inode, advice } of this.#files) {
      const now = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (now === undefined) return `${path} is not there any more. ${advice}`;
      if (now.ino !== inode || now.dev !== device) return `${path} is another file now. ${advice}`;
    }
    return undefined;
  }
}

function identify(path: string, advice: string): NamedFile {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path, device: dev, inode: ino, advice };
}
