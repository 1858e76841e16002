import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CollectorError } from './collector.ts';

/**
 * Reads a file of /proc whole. Synchronously: the kernel makes its content in memory, so a thread would cost more
 * than it saves.
 * @throws {CollectorError} when the file is not there or cannot be read
 */
export function readProcFile(procfs: string, ...path: readonly string[]): string {
  const file = join(procfs, ...path);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new CollectorError(`cannot read ${file}: ${String(error).replace(/^Error: /, '')}`, {
      cause: error,
    });
  }
}

const UNSIGNED = /^\d{1,20}$/;

/** A whole number as the kernel prints it, up to 2^64-1 (then as the nearest double); undefined when it is none. */
export function unsigned(text: string | undefined): number | undefined {
  return text !== undefined && UNSIGNED.test(text) ? Number(text) : undefined;
}

/** The fields of a line, whatever white space is between them. */
export function fields(line: string): string[] {
  return line.split(/\s+/).filter((field) => field !== '');
}
