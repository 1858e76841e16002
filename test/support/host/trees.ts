import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
const AREA = join(ROOT, 'test/host');

/** Kernels whose /proc and /sys are recorded, with the output of node_exporter. */
export const KERNELS = ['4.19', '5.10', '6.1', '6.12'] as const;
export type Kernel = (typeof KERNELS)[number];

/** The path of a recorded host. */
export interface HostPaths {
  readonly procfs: string;
  readonly sysfs: string;
  readonly rootfs: string;
}

/** `== path`, then its lines; `== path = its only line`; `== path -> link target`. */
const HEADING = /^== (\S+)(?: (->|=)(?: (.*))?)?$/;

/**
 * Unpacks a recorded host from its one file. Under .cache, by its content: the next test finds it there.
 * @throws Error for an invalid file
 */
export function unpackedHost(kernel: Kernel): HostPaths {
  const text = readFileSync(join(AREA, 'fixtures', `linux-${kernel}.tree`), 'utf8');
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const folder = join(ROOT, '.cache/host-trees', `${kernel}-${hash}`);
  if (!existsSync(folder)) {
    mkdirSync(dirname(folder), { recursive: true });
    const fresh = mkdtempSync(`${folder}-`);
    unpack(text, fresh);
    moveTo(fresh, folder);
  }
  return { procfs: join(folder, 'proc'), sysfs: join(folder, 'sys'), rootfs: join(folder, 'root') };
}

/** Another test may have been faster. */
function moveTo(fresh: string, folder: string): void {
  try {
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
}

function unpack(text: string, folder: string): void {
  let file: string | undefined;
  let content = '';
  const finish = (): void => {
    if (file !== undefined) writeFileSync(file, content);
    [file, content] = [undefined, ''];
  };
  for (const line of text.split('\n').slice(0, -1)) {
    const [, path, sign, rest = ''] = HEADING.exec(line) ?? [];
    if (path === undefined) {
      if (file === undefined) throw new Error(`a line that belongs to no file: ${line}`);
      content += `${line}\n`;
      continue;
    }
    finish();
    const place = join(folder, path);
    mkdirSync(dirname(place), { recursive: true });
    if (sign === '->') symlinkSync(rest, place);
    else if (sign === '=') writeFileSync(place, `${rest}\n`);
    else file = place;
  }
  finish();
}

/** The file with what node_exporter 1.11 exposes for a recorded host. */
export function goldenFile(kernel: Kernel): string {
  return join(AREA, 'golden', `linux-${kernel}.txt`);
}
