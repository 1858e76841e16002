import { readFileSync } from 'node:fs';
import * as os from 'node:os';

/** What the operating system tells without files, as Node's `os` spells it. */
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
  /** The IANA name of the local time zone, such as `Europe/Vienna`, and its offset at that time, seconds east. */
  timeZone(atMs: number): { readonly name: string; readonly offset: number };
}

/** The machine that this process runs on. */
export function nodeSystem(): System {
  const { loadavg, cpus, totalmem, freemem, uptime, type, release, version, machine, hostname } = os;
  const told = { loadavg, cpus, totalmem, freemem, uptime, type, release, version, machine, hostname };
  return { ...told, platform: os.platform(), pageSize: pageSize(), timeZone };
}

function timeZone(atMs: number): { name: string; offset: number } {
  const { timeZone: name } = new Intl.DateTimeFormat().resolvedOptions();
  return { name, offset: -new Date(atMs).getTimezoneOffset() * 60 };
}

const AT_PAGESZ = 6n;
const USUAL_PAGE_SIZE = 4_096;

/** The kernel hands it to every process at its start. @see https://man7.org/linux/man-pages/man3/getauxval.3.html */
function pageSize(): number {
  try {
    const words = new BigUint64Array(new Uint8Array(readFileSync('/proc/self/auxv')).buffer);
    const key = words.findIndex((word, i) => i % 2 === 0 && word === AT_PAGESZ);
    return key === -1 ? USUAL_PAGE_SIZE : Number(words[key + 1]);
  } catch {
    return USUAL_PAGE_SIZE;
  }
}
