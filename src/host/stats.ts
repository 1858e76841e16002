import type { Clock, MonotonicMs } from '../domain/clock.ts';
import { readCpuTime, type CpuTime } from './collectors/cpu/cpu.ts';
import { CollectorError, type CollectorOptions } from './collector.ts';
import { readMeminfo } from './collectors/memory/meminfo.ts';
import type { FilesystemUsage } from './collectors/disk/statfs.ts';

/** How busy and how full the host is, with the names of the monitoring paths; what cannot be read is absent. */
export interface HostStats {
  /** Of all CPUs since the previous reading, 0 to 100. */
  readonly cpu_percent?: number;
  /** Bytes; `percent` is the part that is not available to programs. */
  readonly memory?: { readonly total: number; readonly available: number; readonly percent: number };
  /** Bytes of the root file system; `percent` as `df` computes it. */
  readonly disk?: { readonly total: number; readonly free: number; readonly percent: number };
}

/** The difference of two readings closer than this is meaningless: the kernel counts hundredths of a second. */
const MIN_SPAN_MS = 1_000;
/** A disk does not fill up in less. */
const DISK_AGE_MS = 5_000;

type StatsOptions = Pick<CollectorOptions, 'procfs' | 'rootfs' | 'statfs'>;

/**
 * Reads the host's statistics. CPU is a difference and the disk may not answer, so both are started at the beginning.
 */
export class HostStatsReader {
  readonly #options: StatsOptions;
  readonly #clock: Clock;
  #cpu: { readonly at: MonotonicMs; readonly time: CpuTime | undefined };
  #cpuPercent: number | undefined;
  #disk: HostStats['disk'];
  #diskAt = -Infinity;

  constructor(options: StatsOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#cpu = { at: clock.monotonic(), time: this.#readCpu() };
    void this.refreshDisk();
  }

  /** Never waits: CPU and memory are read now, the disk's values are at most some seconds old. */
  current(): HostStats {
    const now = this.#clock.monotonic();
    if (now - this.#diskAt >= DISK_AGE_MS) void this.refreshDisk();
    const cpu = this.#busyPercent(now);
    const memory = this.#readMemory();
    return {
      ...(cpu === undefined ? {} : { cpu_percent: cpu }),
      ...(memory === undefined ? {} : { memory }),
      ...(this.#disk === undefined ? {} : { disk: this.#disk }),
    };
  }

  /** Reads the root file system again; one that does not answer is absent from then on. */
  async refreshDisk(): Promise<void> {
    const { rootfs, statfs } = this.#options;
    this.#diskAt = this.#clock.monotonic();
    const usage = await statfs([rootfs], new AbortController().signal).then(
      (results) => results.get(rootfs),
      ignoreExpected,
    );
    this.#disk = usage === undefined || 'error' in usage ? undefined : diskOf(usage);
  }

  #busyPercent(now: MonotonicMs): number | undefined {
    if (now - this.#cpu.at < MIN_SPAN_MS) return this.#cpuPercent;
    const time = this.#readCpu();
    this.#cpuPercent = percentBetween(this.#cpu.time, time);
    this.#cpu = { at: now, time };
    return this.#cpuPercent;
  }

  #readCpu(): CpuTime | undefined {
    return expected(() => readCpuTime(this.#options.procfs));
  }

  #readMemory(): HostStats['memory'] {
    const info = expected(() => readMeminfo(this.#options.procfs));
    const total = info?.get('MemTotal');
    const available = info?.get('MemAvailable');
    if (total === undefined || available === undefined || total === 0) return undefined;
    return { total, available, percent: percent(total - available, total) };
  }
}

function diskOf({ bsize, blocks, bfree, bavail }: FilesystemUsage): HostStats['disk'] {
  const used = blocks - bfree;
  return { total: blocks * bsize, free: bavail * bsize, percent: percent(used, used + bavail) };
}

function percentBetween(before: CpuTime | undefined, after: CpuTime | undefined): number | undefined {
  if (before === undefined || after === undefined || after.total <= before.total) return undefined;
  return percent(after.busy - before.busy, after.total - before.total);
}

/** With one decimal, 0 to 100. */
function percent(part: number, whole: number): number {
  if (whole <= 0) return 0;
  return Math.round(Math.min(Math.max(part / whole, 0), 1) * 1_000) / 10;
}

function expected<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    ignoreExpected(error);
    return undefined;
  }
}

function ignoreExpected(error: unknown): undefined {
  if (!(error instanceof CollectorError)) throw error;
  return undefined;
}
