import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { NotRegularFileError, readRegularFile } from '../domain/regular-file.ts';
import type { ConfigFiles } from '../settings/values.ts';

/** No file written by a person is larger; a mistaken path to a device or a dump is. */
const MAX_BYTES = 16 * 2 ** 20;

/** Files relative to a folder, and the environment variables that settings may use. */
export function configFilesIn(
  folder: string,
  environment: NonNullable<ConfigFiles['environment']> = {},
): ConfigFiles {
  return {
    environment,
    resolve: (path) => resolve(folder, path),
    read: (path) => readText(resolve(folder, path)),
  };
}

/** Whether the path exists, readable or not. */
export function fileExists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return true;
  }
}

/**
 * Reads a whole text file, without its byte order mark.
 * @throws Error which says which file could not be read, and why
 */
export function readText(path: string): string {
  const bytes = readBytes(path);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`${path} is not a text file in UTF-8`);
  }
}

function readBytes(path: string): Uint8Array {
  try {
    return readRegularFile(path, MAX_BYTES);
  } catch (error) {
    throw new Error(`cannot read ${path}: ${describeReadError(error)}`, { cause: error });
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EACCES: 'permission denied; let the user that runs Tocsin read it',
  EPERM: 'permission denied',
  ELOOP: 'its symbolic links form a loop',
  ENAMETOOLONG: 'the path is too long',
};

function describeReadError(error: unknown): string {
  if (error instanceof NotRegularFileError) return error.message;
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ''] ?? message;
}
