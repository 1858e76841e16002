import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/** An invalid command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Parses the options of a command. Throws `UsageError` for unknown ones.
 * @param known options as node:util's parseArgs takes them
 */
export function readOptions<const Known extends Options>(args: readonly string[], known: Known) {
  try {
    return parseArgs({ args: [...args], options: known, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw usageError(error);
  }
}

/** The same for a command that also takes arguments without a name. */
export function readCommand<const Known extends Options>(args: readonly string[], known: Known) {
  try {
    return parseArgs({ args: [...args], options: known, strict: true, allowPositionals: true });
  } catch (error) {
    throw usageError(error);
  }
}

function usageError(error: unknown): UsageError {
  return new UsageError(
    error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error),
  );
}
