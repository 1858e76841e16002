import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AbsentError, CollectorError } from './collector.ts';
import { codeOf } from './errno.ts';

/**
 * Reads a whole file of /proc. Synchronously: the kernel creates its content in memory, so a thread would cost more
 * than it saves.
 * @throws {CollectorError} when the file does not exist or cannot be read
 */
export function readProcFile(procfs: string, ...path: readonly string[]): string {
  return readAs('utf8', join(procfs, ...path));
}

/** The same, each byte as one character, because names of files may contain any bytes. */
export function readProcBytes(procfs: string, ...path: readonly string[]): string {
  return readAs('latin1', join(procfs, ...path));
}

function readAs(encoding: 'utf8' | 'latin1', file: string): string {
  try {
    return readFileSync(file, encoding);
  } catch (error) {
    throw new CollectorError(`cannot read ${file}: ${String(error).replace(/^Error: /, '')}`, {
      cause: error,
    });
  }
}

/**
 * Reads a file of the network's part of /proc, which belongs to a network namespace. A /proc other than `/proc` means a
 * container: its `net` would show the container's network, that of process 1 is the host's.
 * @throws {CollectorError} when the file does not exist or cannot be read
 */
export function readNetFile(procfs: string, ...path: readonly string[]): string {
  return readProcFile(netFolder(procfs), ...path);
}

/** The folder of a /proc that has the host's network. */
export function netFolder(procfs: string): string {
  return procfs === '/proc' ? '/proc/net' : join(procfs, '1', 'net');
}

/**
 * Reads a file that depends on how the kernel was built or on loaded modules; undefined when it does not exist.
 * @throws {CollectorError} when it exists and cannot be read
 */
export function readOptionalFile(folder: string, ...path: readonly string[]): string | undefined {
  try {
    return readProcFile(folder, ...path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Whether a reading failed with that system error code. */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof CollectorError && codeOf(error.cause) === code;
}

/** An attribute of /sys without white space around it; undefined when it does not exist or has no value now. */
export function readAttribute(...path: readonly string[]): string | undefined {
  try {
    return readFileSync(join(...path), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The numbers N for which a folder has an entry `<prefix>N`, in the order of their text; none without the folder. */
export function numbered(folder: string, prefix: string): string[] {
  return entries(folder).flatMap((name) => {
    const number = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    return /^\d+$/.test(number) ? [number] : [];
  });
}

/** The names in a folder, sorted; empty when it does not exist or cannot be listed. */
export function entries(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** @throws {AbsentError} when the folder of /sys does not exist: every kernel has it, so it is not mounted there */
export function requireSysfs(sysfs: string): void {
  if (entries(sysfs).length === 0)
    throw new AbsentError(`${sysfs} is not a sysfs: it does not exist, cannot be listed or is empty`);
}

const UNSIGNED = /^\d{1,20}$/;

/** A whole number as the kernel prints it, up to 2^64-1 (then as the nearest double); undefined when it is invalid. */
export function unsigned(text: string | undefined): number | undefined {
  return text !== undefined && UNSIGNED.test(text) ? Number(text) : undefined;
}

/** The same, which may be negative. */
export function signed(text: string | undefined): number | undefined {
  return text?.startsWith('-') === true ? negative(unsigned(text.slice(1))) : unsigned(text);
}

function negative(value: number | undefined): number | undefined {
  return value === undefined ? undefined : 0 - value;
}

/** The fields of a line, whatever white space is between them. */
export function fields(line: string): string[] {
  return line.split(/\s+/).filter((field) => field !== '');
}
