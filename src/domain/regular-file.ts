import { closeSync, constants, fstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';

/** The path exists but is not a file that may be read. */
export class NotRegularFileError extends Error {
  override readonly name = 'NotRegularFileError';
}

/**
 * Without O_NONBLOCK, opening a pipe waits for a writer, possibly forever. With it a device answers at once, too; and
 * a terminal never becomes the controlling one of the process.
 */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
const CHUNK_BYTES = 65_536;

/**
 * Reads a file that a person named, whole. Never waits: only a regular file is opened. It is checked before, since
 * opening some devices has an effect, and after, since it may have been replaced in between.
 * @throws NotRegularFileError when it is something else or larger than `maxBytes`; otherwise the system's error
 */
export function readRegularFile(path: string, maxBytes: number): Buffer {
  check(statSync(path), maxBytes);
  const file = openSync(path, FLAGS);
  try {
    const stats = fstatSync(file);
    check(stats, maxBytes);
    return readToEnd(file, stats.size, maxBytes);
  } finally {
    closeSync(file);
  }
}

/**
 * Opens a regular file for reading; the caller closes it.
 * @throws NotRegularFileError when it is something else
 */
export async function openRegularFile(path: string): Promise<FileHandle> {
  check(await stat(path), Infinity);
  const handle = await open(path, FLAGS);
  try {
    check(await handle.stat(), Infinity);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** A file may grow while it is read, and files of procfs report a size of 0 bytes. */
function readToEnd(file: number, size: number, maxBytes: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (;;) {
    const chunk = Buffer.allocUnsafe(Math.max(size - total, 0) + CHUNK_BYTES);
    const read = readSync(file, chunk);
    if (read === 0) return Buffer.concat(chunks, total);
    chunks.push(chunk.subarray(0, read));
    total += read;
    if (total > maxBytes) throw tooLarge(maxBytes);
  }
}

function check(stats: Stats, maxBytes: number): void {
  if (!stats.isFile()) throw new NotRegularFileError(explain(stats));
  if (stats.size > maxBytes) throw tooLarge(maxBytes);
}

function tooLarge(maxBytes: number): Error {
  return new NotRegularFileError(`it has more than ${maxBytes} bytes`);
}

function explain(stats: Stats): string {
  if (stats.isDirectory()) return 'it is a directory; name a file in it';
  const kind = stats.isFIFO() ? 'pipe' : stats.isSocket() ? 'socket' : 'device';
  return `it is a ${kind}; expected a regular file`;
}
