import { constants } from 'node:os';

const { EACCES, EIO, ELOOP, ENAMETOOLONG, ENODEV, ENOENT, ENOTCONN, EPERM, ESTALE, ETIMEDOUT, ENOTDIR } =
  constants.errno;

/** The texts of node_exporter's label `device_error` for them. */
const TEXTS: ReadonlyMap<number, string> = new Map([
  [EACCES, 'permission denied'],
  [EPERM, 'operation not permitted'],
  [ENOENT, 'no such file or directory'],
  [ENOTDIR, 'not a directory'],
  [EIO, 'input/output error'],
  [ELOOP, 'too many levels of symbolic links'],
  [ENAMETOOLONG, 'file name too long'],
  [ENODEV, 'no such device'],
  [ENOTCONN, 'transport endpoint is not connected'],
  [ESTALE, 'stale NFS file handle'],
  [ETIMEDOUT, 'connection timed out'],
]);

/** An error number (positive) as text of a small set. */
export function errnoText(errno: number): string {
  return TEXTS.get(errno) ?? `errno ${errno}`;
}

/** The code of a system error, such as `ENOENT`; undefined for any other error. */
export function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
