/** One line of /proc/<pid>/mountinfo. */
export interface Mount {
  readonly device: string;
  /** As processes of the host see it, as text. */
  readonly mountpoint: string;
  /** The same path for system calls: each byte is one character (latin1). */
  readonly path: string;
  readonly fstype: string;
  readonly major: string;
  readonly minor: string;
  /** Mounted read-only at this place. */
  readonly readonlyHere: boolean;
  /** The file system itself is read-only, wherever it is mounted. */
  readonly readonlyEverywhere: boolean;
}

/**
 * Parses mountinfo; invalid lines are left out.
 * @param bytes each byte as one character
 * @see https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
 */
export function parseMountinfo(bytes: string): Mount[] {
  return bytes.split('\n').flatMap((line) => {
    const mount = parseLine(line);
    return mount === undefined ? [] : [mount];
  });
}

/** `36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/sda1 rw,errors=continue` */
function parseLine(line: string): Mount | undefined {
  const parts = line.split(' ');
  // Any number of optional fields is between the options and the dash.
  const dash = parts.indexOf('-', 6);
  if (dash === -1) return undefined;
  const [, major, minor] = /^(\d+):(\d+)$/.exec(parts[2] ?? '') ?? [];
  const [mountpoint, options] = [parts[4], parts[5]];
  const [fstype, device, superOptions] = parts.slice(dash + 1);
  if (major === undefined || minor === undefined || mountpoint === undefined || options === undefined)
    return undefined;
  if (
    !mountpoint.startsWith('/') ||
    fstype === undefined ||
    device === undefined ||
    superOptions === undefined
  )
    return undefined;
  const ofFilesystem = superOptions.split(',');
  const path = unescape(mountpoint);
  return {
    device: textOf(device),
    mountpoint: textOf(path),
    path,
    fstype: textOf(fstype),
    major,
    minor,
    readonlyHere: options.split(',').includes('ro'),
    readonlyEverywhere: ofFilesystem.includes('ro') || ofFilesystem.includes('emergency_ro'),
  };
}

/** The kernel writes white space and the backslash as three octal digits. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

const NOT_ASCII = /[\x80-\xff]/;

/** Bytes as text; each run of invalid UTF-8 becomes one U+FFFD, as in Go's `strings.ToValidUTF8`. */
function textOf(bytes: string): string {
  if (!NOT_ASCII.test(bytes)) return bytes;
  return Buffer.from(bytes, 'latin1')
    .toString('utf8')
    .replace(/\uFFFD+/g, '\uFFFD');
}
