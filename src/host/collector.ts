import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Family, Sample } from '../metrics/family.ts';
import type { CountProcesses } from './collectors/cpu/process-count.ts';
import type { ReadSlow } from './slow-read.ts';
import type { Statfs } from './collectors/disk/statfs.ts';
import type { System } from './system.ts';

/** Where a collector finds the host that it reads. */
export interface CollectorOptions {
  /** The host's `/proc`; in a container where it is mounted. */
  readonly procfs: string;
  /** The host's `/sys`; in a container where it is mounted. */
  readonly sysfs: string;
  /** The host's `/`; in a container where it is mounted. */
  readonly rootfs: string;
  /** Folders of `*.prom` files, or patterns that match such folders. */
  readonly textfile: readonly string[];
  /** Families of others, which textfiles must leave alone. */
  readonly reserved: readonly Family[];
  /** Asks how full file systems are, without ever waiting for one that hangs. */
  readonly statfs: Statfs;
  /** Reads small files that the kernel, a driver or a disk may be slow to give. */
  readonly readSlow: ReadSlow;
  readonly countProcesses: CountProcesses;
  readonly system: System;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A collector at work, with what it remembers between two readings. */
export interface CollectorInstance {
  /**
   * Reads its part of the host once.
   * @throws {CollectorError} when that part cannot be read or makes no sense; single values that do not are left out
   */
  collect(signal: AbortSignal): readonly Sample[] | Promise<readonly Sample[]>;
}

/** A part of the host that can be read. Adding one is one file that exports one of these, and one line in the registry. */
export interface Collector {
  /** As `host.collectors.disable` and the label `collector` spell it. */
  readonly name: string;
  /** Every family that it may expose. */
  readonly families: readonly Family[];
  create(options: CollectorOptions): CollectorInstance;
}

/** A part of the host that cannot be read now: expected, and the other collectors go on. */
export class CollectorError extends Error {
  override readonly name: string = 'CollectorError';
}

/** A part that this host does not have: nothing is wrong. */
export class AbsentError extends CollectorError {
  override readonly name = 'AbsentError';
}
