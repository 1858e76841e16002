import type { Writable } from 'node:stream';

/** A command's access to the process; filled in by `main.ts`, and by tests. */
export interface Environment {
  /** Arguments after the program's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly hostname: string;
  /** Node's version, such as `v24.11.1`. */
  readonly nodeVersion: string;
  /** Whether standard output is a terminal. */
  readonly terminal: boolean;
  /** Fulfilled when it is written. @throws OutputError */
  readonly stdout: (text: string) => Promise<void>;
  /** Where the log of a server goes. */
  readonly logStream: Writable & { readonly fd?: number };
  readonly stderr: (text: string) => void;
  /** Aborts on SIGTERM and SIGINT. */
  readonly signal: AbortSignal;
  /** Calls `reload` on every SIGHUP. */
  readonly onReload: (reload: () => void) => void;
  /** The folder of the built code: where threads and children are started from. */
  readonly codeUrl: URL;
}

/** 0: success. 1: failure. 2: the command line or the configuration is invalid. */
export type ExitCode = 0 | 1 | 2;
