/**
 * A small file's text without white space around it, or why it could not be read: the name of an error or `timeout`.
 */
export type SlowText = { readonly text: string } | { readonly error: string };

/**
 * Reads files (their first 8 KiB) that may block because the kernel waits for locks, firmware or a disk. The event loop
 * is not blocked: a file that hangs costs one bounded wait, is then answered with `timeout` at once, and is read again
 * as soon as it recovers. Rejects with a CollectorError when nothing could be read, or when the signal aborts.
 */
export type ReadSlow = (
  paths: readonly string[],
  signal: AbortSignal,
) => Promise<ReadonlyMap<string, SlowText>>;

/** The texts of the files that could be read. */
export function textsOf(read: ReadonlyMap<string, SlowText>): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const [path, result] of read) if ('text' in result) texts.set(path, result.text);
  return texts;
}
