import { printable } from '../domain/printable.ts';
import type { Environment } from './environment.ts';

/** Standard output cannot be written to. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  /** Its reader closed the pipe (`tocsin check | head`), which is not an error. */
  readonly readerGone: boolean;

  constructor(cause: Error) {
    super(`Standard output cannot be written: ${cause.message}.`, { cause });
    this.readerGone = 'code' in cause && cause.code === 'EPIPE';
  }
}

/** Prints an error as one line. It may contain text of others. */
export function printError({ stderr }: Pick<Environment, 'stderr'>, text: string): void {
  stderr(`tocsin: ${printable(text)}\n`);
}

/**
 * Whether an error is the system's or the store's (no space, no such folder, no permission), whose message is
 * enough for a person; anything else is a bug.
 */
export function isSystemError(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && !code.startsWith('ERR_');
}
