import { join } from 'node:path';
import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import type { CollectorOptions } from '../../collector.ts';
import { TimeSlice } from '../../time-slice.ts';
import { numbered, readAttribute, unsigned } from '../../procfile.ts';

const coreThrottles = defineFamily(
  'counter',
  'node_cpu_core_throttles_total',
  'Number of times this CPU core has been throttled.',
  ['package', 'core'],
);
const packageThrottles = defineFamily(
  'counter',
  'node_cpu_package_throttles_total',
  'Number of times this CPU package has been throttled.',
  ['package'],
);
const isolated = defineFamily(
  'gauge',
  'node_cpu_isolated',
  'CPUs isolated from the scheduler, value is always 1.',
  ['cpu'],
);
const online = defineFamily(
  'gauge',
  'node_cpu_online',
  'CPUs that are online and being scheduled; 0 for those that are offline.',
  ['cpu'],
);

export const topologyFamilies: readonly Family[] = [coreThrottles, packageThrottles, isolated, online];

/** CPUs are rarely added or removed: the list of files is updated this often, their values at each scrape. */
const REDISCOVER_MS = 60_000;
/** More CPUs than any kernel supports: a list beyond it is invalid. */
const MAX_CPUS = 65_536;

/** A file of /sys and the sample made of its number. */
interface Reading {
  readonly path: string;
  readonly toSample: (value: number) => Sample;
}

/** The CPUs in /sys: throttling, which are online, which are isolated. Nothing without /sys. */
export class CpuTopology {
  readonly #folder: string;
  readonly #clock: CollectorOptions['clock'];
  #readings: readonly Reading[] = [];
  #isolated: readonly Sample[] = [];
  #discoveredAt = -Infinity;

  constructor({ sysfs, clock }: Pick<CollectorOptions, 'sysfs' | 'clock'>) {
    this.#folder = join(sysfs, 'devices', 'system', 'cpu');
    this.#clock = clock;
  }

  async collect(): Promise<Sample[]> {
    const pace = new TimeSlice(this.#clock);
    if (this.#clock.monotonic() - this.#discoveredAt >= REDISCOVER_MS) await this.#discover(pace);
    const samples = [...this.#isolated];
    for (const { path, toSample } of this.#readings) {
      const value = unsigned(readAttribute(path));
      if (value !== undefined) samples.push(toSample(value));
      await pace.yieldIfSpent();
    }
    return samples;
  }

  async #discover(pace: TimeSlice): Promise<void> {
    const cpus = numbered(this.#folder, 'cpu');
    const readings = new Map<string, Reading>();
    for (const cpu of cpus) {
      this.#throttles(cpu).forEach((reading, key) => {
        if (!readings.has(key) && isNumber(reading)) readings.set(key, reading);
      });
      await pace.yieldIfSpent();
    }
    this.#readings = [...readings.values(), ...this.#switches(cpus)];
    this.#isolated = cpuList(readAttribute(this.#folder, 'isolated') ?? '').map((cpu) =>
      sample(isolated, 1, { cpu: String(cpu) }),
    );
    this.#discoveredAt = this.#clock.monotonic();
  }

  /** Hyperthreads of a core share its counter, and cores that of their package: keyed by what they share. */
  #throttles(cpu: string): ReadonlyMap<string, Reading> {
    const folder = join(this.#folder, `cpu${cpu}`);
    const [pack, core] = ['physical_package_id', 'core_id'].map((id) =>
      unsigned(readAttribute(folder, 'topology', id)),
    );
    if (pack === undefined || core === undefined) return new Map();
    const ofCore = { package: String(pack), core: String(core) };
    const ofPackage = { package: String(pack) };
    return new Map([
      [
        `core ${pack} ${core}`,
        {
          path: join(folder, 'thermal_throttle', 'core_throttle_count'),
          toSample: (value) => sample(coreThrottles, value, ofCore),
        },
      ],
      [
        `package ${pack}`,
        {
          path: join(folder, 'thermal_throttle', 'package_throttle_count'),
          toSample: (value) => sample(packageThrottles, value, ofPackage),
        },
      ],
    ]);
  }

  /** If the first CPU cannot be turned off, the state of none is exposed, as in node_exporter. */
  #switches(cpus: readonly string[]): Reading[] {
    const readings = cpus.map((cpu) => ({
      path: join(this.#folder, `cpu${cpu}`, 'online'),
      toSample: (value: number) => sample(online, value === 1 ? 1 : 0, { cpu }),
    }));
    const [first] = readings;
    return first === undefined || !isNumber(first) ? [] : readings.filter(isNumber);
  }
}

function isNumber({ path }: Reading): boolean {
  return unsigned(readAttribute(path)) !== undefined;
}

/** `2-3,7` is 2, 3, 7; an invalid list is empty. @see https://docs.kernel.org/admin-guide/cputopology.html */
export function cpuList(text: string): number[] {
  const cpus: number[] = [];
  for (const range of text.split(',')) {
    const [, from, to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? [];
    if (from === undefined) continue;
    for (let cpu = Number(from); cpu <= Number(to) && cpus.length < MAX_CPUS; cpu += 1) cpus.push(cpu);
  }
  return cpus;
}
