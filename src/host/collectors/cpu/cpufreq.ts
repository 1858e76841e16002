import { join } from 'node:path';
import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import type { Collector, CollectorOptions } from '../../collector.ts';
import { cpuList } from './cpu-topology.ts';
import { entries, fields, numbered, readAttribute, requireSysfs, unsigned } from '../../procfile.ts';
import { cachedCollector } from '../../cached-collector.ts';
import { textsOf } from '../../slow-read.ts';

function hertz(name: string, help: string): Family {
  return defineFamily('gauge', `node_cpu_${name}hertz`, help, ['cpu']);
}

/** The files of frequencies in kHz. @see https://docs.kernel.org/admin-guide/pm/cpufreq.html */
const FREQUENCIES: readonly (readonly [file: string, family: Family])[] = [
  [
    'cpuinfo_cur_freq',
    hertz(
      'frequency_',
      'Current CPU thread frequency in hertz, as reported by the hardware; on most machines readable by root only.',
    ),
  ],
  ['cpuinfo_min_freq', hertz('frequency_min_', 'Minimum CPU thread frequency in hertz.')],
  ['cpuinfo_max_freq', hertz('frequency_max_', 'Maximum CPU thread frequency in hertz.')],
  ['scaling_cur_freq', hertz('scaling_frequency_', 'Current scaled CPU thread frequency in hertz.')],
  ['scaling_min_freq', hertz('scaling_frequency_min_', 'Minimum scaled CPU thread frequency in hertz.')],
  ['scaling_max_freq', hertz('scaling_frequency_max_', 'Maximum scaled CPU thread frequency in hertz.')],
];
const governor = defineFamily(
  'gauge',
  'node_cpu_scaling_governor',
  'Current enabled CPU frequency governor; 0 for the others that are available.',
  ['cpu', 'governor'],
);
const GOVERNOR = 'scaling_governor';
const GOVERNORS = 'scaling_available_governors';

/** The frequencies of the CPUs, from /sys/devices/system/cpu/cpu*\/cpufreq. */
export const cpufreq: Collector = {
  name: 'cpufreq',
  families: [...FREQUENCIES.map(([, family]) => family), governor],
  create: (options) => {
    const files = new CpufreqFiles(options);
    return cachedCollector({ clock: options.clock, collect: (signal) => files.collect(signal) });
  },
};

/** The list of files does not change while a CPU is online. */
const REDISCOVER_MS = 60_000;

class CpufreqFiles {
  readonly #options: CollectorOptions;
  readonly #folder: string;
  #files: ReadonlyMap<string, readonly string[]> = new Map();
  #offline: string | undefined;
  #discoveredAt = -Infinity;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#folder = join(options.sysfs, 'devices', 'system', 'cpu');
  }

  /**
   * The kernel may block a reader for a measurement, some 50 ms for each CPU: they are read concurrently, in the child.
   */
  async collect(signal: AbortSignal): Promise<Sample[]> {
    const { clock, readSlow } = this.#options;
    const offline = readAttribute(this.#folder, 'offline');
    if (offline !== this.#offline || clock.monotonic() - this.#discoveredAt >= REDISCOVER_MS) {
      this.#files = this.#discover(offline ?? '');
      this.#offline = offline;
      this.#discoveredAt = clock.monotonic();
    }
    const texts = textsOf(await readSlow([...this.#files.values()].flat(), signal));
    return [...this.#files.keys()].flatMap((cpu) =>
      describe(cpu, (file) => texts.get(join(this.#folder, `cpu${cpu}`, 'cpufreq', file))),
    );
  }

  #discover(offline: string): ReadonlyMap<string, readonly string[]> {
    const off = new Set(cpuList(offline));
    const cpus = numbered(this.#folder, 'cpu');
    if (cpus.length === 0) requireSysfs(this.#options.sysfs);
    const wanted = [...FREQUENCIES.map(([file]) => file), GOVERNOR, GOVERNORS];
    const present = cpus.filter((cpu) => !off.has(Number(cpu)));
    return new Map(
      present.map((cpu) => {
        const folder = join(this.#folder, `cpu${cpu}`, 'cpufreq');
        const there = new Set(entries(folder));
        return [cpu, wanted.filter((file) => there.has(file)).map((file) => join(folder, file))];
      }),
    );
  }
}

function describe(cpu: string, text: (file: string) => string | undefined): Sample[] {
  const frequencies = FREQUENCIES.flatMap(([file, family]) => {
    const kilohertz = unsigned(text(file));
    return kilohertz === undefined ? [] : [sample(family, kilohertz * 1_000, { cpu })];
  });
  const chosen = text(GOVERNOR);
  if (chosen === undefined || chosen === '') return frequencies;
  const governors = new Set(fields(text(GOVERNORS) ?? ''));
  return [
    ...frequencies,
    ...[...governors].map((name) => sample(governor, name === chosen ? 1 : 0, { cpu, governor: name })),
  ];
}
