import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import type { Family, Sample } from '../metrics/family.ts';
import type { CountProcesses } from './collectors/cpu/process-count.ts';
import type { ReadSlow } from './slow-read.ts';
import type { Statfs } from './collectors/disk/statfs.ts';
import type { System } from './system.ts';

/** Where a collector finds the host's files, and what it reads them with. */
export interface CollectorOptions {
  /** The host's `/proc`; in a container, its mount point. */
  readonly procfs: string;
  /** The host's `/sys`; in a container, its mount point. */
  readonly sysfs: string;
  /** The host's `/`; in a container, its mount point. */
  readonly rootfs: string;
  /** Folders of `*.prom` files, or patterns that match such folders. */
  readonly textfile: readonly string[];
  /** Families of other sources, which textfiles must not use. */
  readonly reserved: readonly Family[];
  /** Reads the usage of file systems, without ever blocking on one that hangs. */
  readonly statfs: Statfs;
  /** Reads small files for which the kernel, a driver or a disk may be slow. */
  readonly readSlow: ReadSlow;
  readonly countProcesses: CountProcesses;
  readonly system: System;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A running collector, with its state between two readings. */
export interface CollectorInstance {
  /**
   * Reads its part of the host once.
   * @throws {CollectorError} when that part cannot be read or is invalid; single invalid values are left out
   */
  collect(signal: AbortSignal): readonly Sample[] | Promise<readonly Sample[]>;
}

/** A part of the host that can be read. Adding one takes one file that exports it, and one line in the registry. */
export interface Collector {
  /** As used in `host.collectors.disable` and in the label `collector`. */
  readonly name: string;
  /** Every family that it may expose. */
  readonly families: readonly Family[];
  create(options: CollectorOptions): CollectorInstance;
}

/** A part of the host cannot be read now: an expected failure, after which the other collectors continue. */
export class CollectorError extends Error {
  override readonly name: string = 'CollectorError';
}

/** A part that this host does not have, which is not a failure. */
export class AbsentError extends CollectorError {
  override readonly name = 'AbsentError';
}
