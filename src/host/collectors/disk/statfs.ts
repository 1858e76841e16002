/** What statfs(2) tells of a file system; sizes are in blocks of `bsize` bytes. */
export interface FilesystemUsage {
  readonly bsize: number;
  readonly blocks: number;
  readonly bfree: number;
  /** Free for users other than root. */
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

/** Why there is no answer, as a short text of a small set: it is a label value. */
export interface FilesystemFailure {
  readonly error: string;
}

export type StatfsResult = FilesystemUsage | FilesystemFailure;

/**
 * Asks for the usage of file systems by their mount points, each byte of which is one character (latin1). A path that hangs costs one bounded wait, is then
 * answered with `MOUNT_TIMEOUT` at once, and is measured again as soon as it recovers.
 * Rejects with a CollectorError when nothing could be asked, or when the signal aborts.
 */
export type Statfs = (
  paths: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, StatfsResult>>;

/** What node_exporter calls a mount that does not answer. */
export const MOUNT_TIMEOUT = 'mountpoint timeout';
