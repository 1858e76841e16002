import { statSync } from 'node:fs';

/** A file of the ledger under the name that the next start will use. */
interface NamedFile {
  readonly path: string;
  readonly device: bigint;
  readonly inode: bigint;
  /** What to do if the name now leads to another file or to none. */
  readonly advice: string;
}

const MAIN_ADVICE = 'Put the file back, or restart Tocsin to begin a new ledger';
const LOG_ADVICE = 'Restart Tocsin, which writes its content back into the ledger';

/**
 * Checks that the names of the files SQLite has open still lead to these files. SQLite keeps writing to a file that was
 * deleted or moved; at the next start all of that would be missing.
 */
export class FileIdentity {
  readonly #files: readonly NamedFile[];
  readonly #counted: readonly string[];

  /**
   * @param given as configured, perhaps a symbolic link: its destination must not change either
   * @param real the resolved path; SQLite keeps its write-ahead log beside it
   */
  constructor(given: string, real: string) {
    this.#counted = [real, `${real}-wal`];
    this.#files = [
      identify(given, MAIN_ADVICE),
      identify(`${real}-wal`, LOG_ADVICE),
      identify(`${real}-shm`, LOG_ADVICE),
    ];
  }

  /** Size of the ledger and its log together. */
  bytes(): number {
    return this.#counted.reduce(
      (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /** What is wrong, as a sentence without its full stop. Takes a few microseconds. */
  findProblem(): string | undefined {
    for (const { path, device, inode, advice } of this.#files) {
      const now = statSync(path, { bigint: true, throwIfNoEntry: false });
      if (now === undefined) return `${path} no longer exists. ${advice}`;
      if (now.ino !== inode || now.dev !== device) return `${path} was replaced by another file. ${advice}`;
    }
    return undefined;
  }
}

function identify(path: string, advice: string): NamedFile {
  const { dev, ino } = statSync(path, { bigint: true });
  return { path, device: dev, inode: ino, advice };
}
