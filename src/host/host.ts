import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../domain/clock.ts';
import type { Logger } from '../domain/log.ts';
import { defineFamily, sample, type Family, type Sample } from '../metrics/family.ts';
import { ChildClient } from './child/client.ts';
import { AbsentError, CollectorError, type Collector, type CollectorInstance } from './collector.ts';
import { TimeSlice } from './time-slice.ts';
import { HostStatsReader, type HostStats } from './stats.ts';
import { nodeSystem, type System } from './system.ts';

const duration = defineFamily(
  'gauge',
  'node_scrape_collector_duration_seconds',
  'Duration of a collector scrape, in seconds.',
  ['collector'],
);
const success = defineFamily('gauge', 'node_scrape_collector_success', 'Whether a collector succeeded.', [
  'collector',
]);

/** The families about the collectors themselves. */
export const scrapeFamilies: readonly Family[] = [duration, success];

export interface HostOptions {
  readonly collectors: readonly Collector[];
  /** Names of collectors to leave out. */
  readonly disabled: readonly string[];
  readonly procfs: string;
  readonly sysfs: string;
  readonly rootfs: string;
  /** Folders of `*.prom` files, or patterns that match such folders. */
  readonly textfile: readonly string[];
  /** Families of the rest of the exposition, which textfiles must not use. */
  readonly reserved: readonly Family[];
  readonly clock: Clock;
  readonly log: Logger;
  /** Replaces the machine that this process runs on. */
  readonly system?: System;
  /** The compiled child, when it is not beside this file. */
  readonly child?: string;
}

/** The host that Tocsin runs on, read collector by collector. */
export class Host {
  /** Every family that it may expose: those of its collectors, and those about them. */
  readonly families: readonly Family[];
  /** The names of its collectors. */
  readonly names: readonly string[];
  readonly #options: HostOptions;
  readonly #instances: ReadonlyMap<string, CollectorInstance>;
  readonly #child: ChildClient;
  readonly #system: System;
  readonly #stats: HostStatsReader;
  readonly #timeSlice: TimeSlice;
  #turn: Promise<void> = Promise.resolve();
  /** The last failure of each collector: the same one is not logged again. */
  readonly #failures = new Map<string, string>();

  /** @throws RangeError when `disabled` names a collector that does not exist */
  constructor(options: HostOptions) {
    const { collectors, disabled, clock, log, textfile } = options;
    requireKnown(disabled, collectors);
    const enabled = collectors.filter(({ name }) => !disabled.includes(name));
    const path = options.child ?? fileURLToPath(new URL('./child/child.js', import.meta.url));
    const child = new ChildClient({ child: path, clock });
    this.#options = options;
    this.#child = child;
    this.#timeSlice = new TimeSlice(clock);
    this.#system = options.system ?? nodeSystem();
    const settings = {
      procfs: resolve(options.procfs),
      sysfs: resolve(options.sysfs),
      rootfs: resolve(options.rootfs),
      textfile,
      reserved: [...options.reserved, ...collectors.flatMap(({ families }) => families), ...scrapeFamilies],
      statfs: child.stat.bind(child),
      readSlow: child.read.bind(child),
      countProcesses: child.countProcesses.bind(child),
      system: this.#system,
      clock,
      log,
    };
    this.#instances = new Map(enabled.map((collector) => [collector.name, collector.create(settings)]));
    this.#stats = new HostStatsReader(settings, clock);
    this.names = enabled.map(({ name }) => name);
    this.families = [...enabled.flatMap((collector) => collector.families), ...scrapeFamilies];
  }

  /**
   * Runs one collector: its samples, how long it took and whether it succeeded. A part of the host that cannot be read
   * is not an error: it has success 0 and no other samples.
   * @throws RangeError for a name that is not in `names`; and any error of a collector that is a bug
   */
  async collectOne(name: string, signal: AbortSignal): Promise<readonly Sample[]> {
    const instance = this.#instances.get(name);
    if (instance === undefined)
      throw new RangeError(`"${name}" is not a collector; expected one of: ${this.names.join(', ')}`);
    await this.#yieldToEventLoop();
    const { clock } = this.#options;
    const start = clock.monotonic();
    const samples = await this.#collect(name, instance, signal);
    const took = sample(duration, (clock.monotonic() - start) / 1_000, { collector: name });
    return samples === undefined
      ? [took, ...this.leftOut(name)]
      : [...samples, took, sample(success, 1, { collector: name })];
  }

  /** The samples of a collector that did not finish in time. */
  leftOut(name: string): readonly Sample[] {
    return [sample(success, 0, { collector: name })];
  }

  /** How busy and how full the host is, for the monitoring paths. Cheap; never waits. */
  stats(): HostStats {
    return this.#stats.current();
  }

  /** Ends the child that makes calls which may block. Collecting afterwards fails. */
  async close(): Promise<void> {
    await this.#child.close();
  }

  /**
   * Collectors begin one after the other: together they read for some milliseconds, and other work needs the event
   * loop.
   */
  #yieldToEventLoop(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#timeSlice.yieldIfSpent());
    return this.#turn;
  }

  async #collect(
    name: string,
    instance: CollectorInstance,
    signal: AbortSignal,
  ): Promise<readonly Sample[] | undefined> {
    const { log } = this.#options;
    try {
      const samples = await instance.collect(signal);
      if (this.#failures.delete(name)) log.info({ collector: name }, 'collector recovered');
      return samples;
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      if (this.#failures.get(name) === error.message || signal.aborted) return undefined;
      this.#failures.set(name, error.message);
      this.#logFailure(name, error);
      return undefined;
    }
  }

  /** A part that a machine does not have needs no repair; without Linux, that is most of them. */
  #logFailure(collector: string, error: CollectorError): void {
    const { log } = this.#options;
    const fields = { collector, reason: error.message };
    if (error instanceof AbsentError || this.#system.platform !== 'linux')
      log.info(fields, 'collector has nothing to read');
    else log.warn(fields, 'collector failed');
  }
}

function requireKnown(disabled: readonly string[], collectors: readonly Collector[]): void {
  const names = collectors.map(({ name }) => name);
  const unknown = disabled.filter((name) => !names.includes(name));
  if (unknown.length === 0) return;
  throw new RangeError(
    `host.collectors.disable names ${unknown.join(', ')}, which is not a collector; expected one of: ${names.join(', ')}`,
  );
}
