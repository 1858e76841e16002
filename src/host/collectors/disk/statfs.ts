/** The result of statfs(2) for a file system; sizes are in blocks of `bsize` bytes. */
export interface FilesystemUsage {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  /** Free for users other than root. */
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

/** The reason for a missing result, a short text of a small set, because it is a label value. */
export interface FilesystemFailure {
  readonly error: string;
}

export type StatfsResult = FilesystemUsage | FilesystemFailure;

/**
 * Reads the usage of file systems by their mount points, each byte of which is one character (latin1). A path that
 * hangs costs one bounded wait, is then answered with `MOUNT_TIMEOUT` at once, and is measured again as soon as it
 * recovers.
 * Rejects with a CollectorError when no call could be made, or when the signal aborts.
 */
export type Statfs = (
  paths: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, StatfsResult>>;

/** node_exporter's text for a mount that does not answer. */
export const MOUNT_TIMEOUT = 'mountpoint timeout';
