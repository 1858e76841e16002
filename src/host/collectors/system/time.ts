import { join } from 'node:path';
import type { EpochMs } from '../../../domain/clock.ts';
import { defineFamily, sample, type Sample } from '../../../metrics/family.ts';
import type { Collector, CollectorInstance, CollectorOptions } from '../../collector.ts';
import { fields, numbered, readAttribute } from '../../procfile.ts';
import { zoneAbbreviation } from './time-zone.ts';

const now = defineFamily('gauge', 'node_time_seconds', 'System time in seconds since epoch (1970).');
const zoneOffset = defineFamily(
  'gauge',
  'node_time_zone_offset_seconds',
  'System time zone offset in seconds, positive east of UTC.',
  ['time_zone'],
);
const available = defineFamily(
  'gauge',
  'node_time_clocksource_available_info',
  'Available clocksources of the kernel, value is always 1.',
  ['device', 'clocksource'],
);
const current = defineFamily(
  'gauge',
  'node_time_clocksource_current_info',
  'Current clocksource of the kernel, value is always 1.',
  ['device', 'clocksource'],
);

/** The clock, and the kernel's source of it. */
export const time: Collector = {
  name: 'time',
  families: [now, zoneOffset, available, current],
  create: (options) => new TimeCollector(options),
};

class TimeCollector implements CollectorInstance {
  readonly #options: CollectorOptions;
  #zone: { readonly key: string; readonly sample: Sample } | undefined;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  collect(): Sample[] {
    const { clock, sysfs } = this.#options;
    const atMs = clock.now();
    return [sample(now, atMs / 1_000), this.#zoneOffset(atMs), ...clocksources(sysfs)];
  }

  /** The abbreviation of a zone changes with its offset: summer time. */
  #zoneOffset(atMs: EpochMs): Sample {
    const { name, offset } = this.#options.system.timeZone(atMs);
    const key = `${name} ${offset}`;
    if (this.#zone?.key !== key) {
      const labels = { time_zone: zoneAbbreviation(name, offset, atMs) };
      this.#zone = { key, sample: sample(zoneOffset, offset, labels) };
    }
    return this.#zone.sample;
  }
}

function clocksources(sysfs: string): Sample[] {
  const folder = join(sysfs, 'devices', 'system', 'clocksource');
  return numbered(folder, 'clocksource').flatMap((device) => {
    const text = (file: string) => readAttribute(folder, `clocksource${device}`, file) ?? '';
    const sources = new Set(fields(text('available_clocksource')));
    const chosen = text('current_clocksource');
    return [
      ...[...sources].map((clocksource) => sample(available, 1, { device, clocksource })),
      ...(chosen === '' ? [] : [sample(current, 1, { device, clocksource: chosen })]),
    ];
  });
}
