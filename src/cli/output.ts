import { printable } from '../domain/printable.ts';
import type { Environment } from './environment.ts';

/** Standard output takes no more. */
export class OutputError extends Error {
  override readonly name = 'OutputError';
  /** Whoever read it went away (`tocsin check | head`), which is no mistake. */
  readonly readerGone: boolean;

  constructor(cause: Error) {
    super(`Standard output cannot be written: ${cause.message}.`, { cause });
    this.readerGone = 'code' in cause && cause.code === 'EPIPE';
  }
}

/** What went wrong, as one line. Texts of others may be in it. */
export function complain({ stderr }: Pick<Environment, 'stderr'>, text: string): void {
  stderr(`tocsin: ${printable(text)}\n`);
}

/**
 * Whether an error is the system's or the store's answer (no space, no such folder, no permission), of which a person can
 * learn enough from its message; anything else is a bug.
 */
export function isSystemError(error: unknown): error is Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && !code.startsWith('ERR_');
}
