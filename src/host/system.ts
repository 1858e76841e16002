import { existsSync, readFileSync } from 'node:fs';
import * as os from 'node:os';
import type { EpochMs } from '../domain/clock.ts';

/** What the operating system reports without files, under the names of Node's `os`. */
export interface System {
  /** `linux`, `darwin` … */
  readonly platform: string;
  /** Bytes of a page of memory. */
  readonly pageSize: number;
  loadavg(): readonly number[];
  /** Times in milliseconds. */
  cpus(): readonly { readonly times: Readonly<Record<'user' | 'nice' | 'sys' | 'idle', number>> }[];
  totalmem(): number;
  freemem(): number;
  /** Seconds since the machine started. */
  uptime(): number;
  type(): string;
  release(): string;
  version(): string;
  machine(): string;
  hostname(): string;
  /** The local time zone, as `Europe/Vienna` or the path of its file, and its offset at that time, seconds east. */
  timeZone(atMs: EpochMs): { readonly name: string; readonly offset: number };
}

/** The machine that this process runs on. */
export function nodeSystem(): System {
  const { loadavg, cpus, totalmem, freemem, uptime, type, release, version, machine, hostname } = os;
  const osFunctions = { loadavg, cpus, totalmem, freemem, uptime, type, release, version, machine, hostname };
  const name = zoneName();
  const timeZone = (atMs: EpochMs) => ({ name, offset: 0 - new Date(atMs).getTimezoneOffset() * 60 });
  return { ...osFunctions, platform: os.platform(), pageSize: pageSize(), timeZone };
}

const LOCAL_TIME = '/etc/localtime';

/**
 * Where Go looks for the local time zone, in the same order. JavaScript returns another name where a zone has several:
 * UTC for GMT.
 */
function zoneName(): string {
  const given = ownEnvironment()
    .find((entry) => entry.startsWith('TZ='))
    ?.slice('TZ='.length);
  if (given !== undefined) return given.replace(/^:/, '') || 'UTC';
  return existsSync(LOCAL_TIME) ? LOCAL_TIME : new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** The environment at the start of the process; empty where the system does not provide it. */
function ownEnvironment(): string[] {
  try {
    return readFileSync('/proc/self/environ', 'utf8').split('\0');
  } catch {
    return [];
  }
}

const AT_PAGESZ = 6n;
const USUAL_PAGE_SIZE = 4_096;

/** The kernel passes it to every process at its start. @see https://man7.org/linux/man-pages/man3/getauxval.3.html */
function pageSize(): number {
  try {
    const words = new BigUint64Array(new Uint8Array(readFileSync('/proc/self/auxv')).buffer);
    const key = words.findIndex((word, i) => i % 2 === 0 && word === AT_PAGESZ);
    return key === -1 ? USUAL_PAGE_SIZE : Number(words[key + 1]);
  } catch {
    return USUAL_PAGE_SIZE;
  }
}
