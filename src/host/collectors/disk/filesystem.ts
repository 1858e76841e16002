import { defineFamily, sample, type Family, type Labels, type Sample } from '../../../metrics/family.ts';
import {
  CollectorError,
  type Collector,
  type CollectorInstance,
  type CollectorOptions,
} from '../../collector.ts';
import { parseMountinfo, type Mount } from './mounts.ts';
import { readProcBytes } from '../../procfile.ts';
import type { FilesystemUsage, StatfsResult } from './statfs.ts';

const LABELS = ['device', 'device_error', 'fstype', 'mountpoint'];

function gauge(name: string, help: string): Family {
  return defineFamily('gauge', `node_filesystem_${name}`, help, LABELS);
}

/** The families of a file system that answers. */
const USAGE: readonly { readonly family: Family; readonly value: (usage: FilesystemUsage) => number }[] = [
  {
    family: gauge('size_bytes', 'Filesystem size in bytes.'),
    value: ({ blocks, bsize }) => blocks * bsize,
  },
  {
    family: gauge('free_bytes', 'Filesystem free space in bytes, including the space reserved for root.'),
    value: ({ bfree, bsize }) => bfree * bsize,
  },
  {
    family: gauge('avail_bytes', 'Filesystem space available to non-root users in bytes.'),
    value: ({ bavail, bsize }) => bavail * bsize,
  },
  { family: gauge('files', 'Filesystem total file nodes.'), value: ({ files }) => files },
  { family: gauge('files_free', 'Filesystem total free file nodes.'), value: ({ ffree }) => ffree },
];
const readonlyState = gauge('readonly', 'Filesystem read-only status.');
const deviceError = gauge(
  'device_error',
  'Whether an error occurred while getting statistics for the given device; the label device_error names it.',
);
const mountInfo = defineFamily(
  'gauge',
  'node_filesystem_mount_info',
  'Filesystem mount information, value is always 1.',
  ['device', 'major', 'minor', 'mountpoint'],
);

const EXCLUDED_MOUNTS =
  /^\/(?:dev|proc|run\/credentials\/.+|sys|var\/lib\/docker\/.+|var\/lib\/containers\/storage\/.+)(?:$|\/)/;
const EXCLUDED_TYPES =
  /^(?:autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$/;

/** The file systems of process 1: their usage, whether they are read-only, and whether they answer. */
export const filesystem: Collector = {
  name: 'filesystem',
  families: [...USAGE.map(({ family }) => family), readonlyState, deviceError, mountInfo],
  create: (options) => new FilesystemCollector(options),
};

const NOT_ASKED: StatfsResult = { error: 'not asked' };

class FilesystemCollector implements CollectorInstance {
  readonly #options: CollectorOptions;
  #mountinfo = '';
  #mounts: readonly Mount[] = [];

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  async collect(signal: AbortSignal): Promise<Sample[]> {
    const mounts = this.#readMounts();
    const usages = await this.#options.statfs(
      mounts.map((mount) => this.#path(mount)),
      signal,
    );
    const answers = mounts.map((mount) => ({ mount, usage: usages.get(this.#path(mount)) ?? NOT_ASKED }));
    const samples = answers.flatMap(({ mount, usage }) => describe(mount, usage));
    const answering = answers.flatMap(({ mount, usage }) => ('error' in usage ? [] : [mount]));
    for (const { device, major, minor, mountpoint } of unique(answering, identity)) {
      samples.push(sample(mountInfo, 1, { device, major, minor, mountpoint }));
    }
    return samples;
  }

  /** The table of mounts changes rarely: the same text is not parsed again. */
  #readMounts(): readonly Mount[] {
    const { procfs, rootfs } = this.#options;
    const text = readMountinfo(procfs);
    if (text === this.#mountinfo) return this.#mounts;
    const parsed = parseMountinfo(text);
    if (parsed.length === 0) throw new CollectorError(`the mountinfo under ${procfs} has no mount`);
    const shown = parsed
      .map((mount) => asHostSees(mount, rootfs))
      .filter(({ mountpoint, fstype }) => !EXCLUDED_MOUNTS.test(mountpoint) && !EXCLUDED_TYPES.test(fstype));
    this.#mounts = unique(shown, ({ device, mountpoint, fstype }) => `${device}\n${mountpoint}\n${fstype}`);
    this.#mountinfo = text;
    return this.#mounts;
  }

  #path({ path }: Mount): string {
    const { rootfs } = this.#options;
    return rootfs === '/' ? path : `${bytesOf(rootfs)}${path}`;
  }
}

/** Process 1 sees the host's mounts; where it is not accessible, the mounts of this process are used. */
function readMountinfo(procfs: string): string {
  try {
    return readProcBytes(procfs, '1', 'mountinfo');
  } catch {
    return readProcBytes(procfs, 'self', 'mountinfo');
  }
}

/**
 * A mount below the root file system that was mounted into a container is one of the host's. That it is read-only there
 * says nothing about the host: such a root is usually mounted read-only.
 */
function asHostSees(mount: Mount, rootfs: string): Mount {
  if (rootfs === '/' || !`${mount.mountpoint}/`.startsWith(`${rootfs}/`)) return mount;
  return {
    ...mount,
    mountpoint: mount.mountpoint.slice(rootfs.length) || '/',
    path: mount.path.slice(bytesOf(rootfs).length) || '/',
    readonlyHere: false,
  };
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** The last of those with the same key: it is mounted over the others. */
function unique(mounts: readonly Mount[], key: (mount: Mount) => string): Mount[] {
  return [...new Map(mounts.map((mount) => [key(mount), mount])).values()];
}

function identity({ device, major, minor, mountpoint }: Mount): string {
  return `${device}\n${major}:${minor}\n${mountpoint}`;
}

function describe(mount: Mount, usage: StatfsResult): Sample[] {
  const { device, fstype, mountpoint } = mount;
  const error = 'error' in usage ? usage.error : '';
  const readonly = mount.readonlyHere || mount.readonlyEverywhere;
  const labels: Labels = { device, device_error: error, fstype, mountpoint };
  const state = [
    sample(deviceError, error === '' ? 0 : 1, labels),
    sample(readonlyState, readonly ? 1 : 0, labels),
  ];
  if ('error' in usage) return state;
  return [...state, ...USAGE.map(({ family, value }) => sample(family, value(usage), labels))];
}
