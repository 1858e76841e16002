import type { Family, Sample } from '../metrics/family.ts';
import type { Statfs } from './statfs.ts';

/** Where a collector finds the host that it reads. */
export interface CollectorOptions {
  /** The host's `/proc`; in a container where it is mounted. */
  readonly procfs: string;
  /** The host's `/`; in a container where it is mounted. */
  readonly rootfs: string;
  /** Asks how full file systems are, without ever waiting for one that hangs. */
  readonly statfs: Statfs;
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
  override readonly name = 'CollectorError';
}
