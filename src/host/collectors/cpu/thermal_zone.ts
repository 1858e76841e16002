import { join } from 'node:path';
import { defineFamily, sample, type Sample } from '../../../metrics/family.ts';
import type { Collector, CollectorOptions } from '../../collector.ts';
import { numbered, requireSysfs, signed } from '../../procfile.ts';
import { cachedCollector } from '../../cached-collector.ts';
import { textsOf } from '../../slow-read.ts';

const temperature = defineFamily('gauge', 'node_thermal_zone_temp', 'Zone temperature in Celsius.', [
  'zone',
  'type',
]);
const currentState = defineFamily(
  'gauge',
  'node_cooling_device_cur_state',
  'Current throttle state of the cooling device, from 0 to its maximum; some report -1 while idle.',
  ['name', 'type'],
);
const maximumState = defineFamily(
  'gauge',
  'node_cooling_device_max_state',
  'Maximum throttle state of the cooling device.',
  ['name', 'type'],
);

/** Temperatures and cooling devices, from /sys/class/thermal. */
export const thermalZone: Collector = {
  name: 'thermal_zone',
  families: [temperature, currentState, maximumState],
  create: (options) =>
    cachedCollector({ clock: options.clock, collect: (signal) => collect(options, signal) }),
};

/**
 * Sensors can be slow: firmware or a radio has to answer. @see
 * https://docs.kernel.org/driver-api/thermal/sysfs-api.html
 */
async function collect({ sysfs, readSlow }: CollectorOptions, signal: AbortSignal): Promise<Sample[]> {
  const folder = join(sysfs, 'class', 'thermal');
  const zones = numbered(folder, 'thermal_zone');
  const devices = numbered(folder, 'cooling_device');
  if (zones.length + devices.length === 0) {
    requireSysfs(sysfs);
    return [];
  }
  const paths = [
    ...zones.flatMap((zone) => ['type', 'temp'].map((file) => join(folder, `thermal_zone${zone}`, file))),
    ...devices.flatMap((name) =>
      ['type', 'cur_state', 'max_state'].map((file) => join(folder, `cooling_device${name}`, file)),
    ),
  ];
  const texts = textsOf(await readSlow(paths, signal));
  const zoneText = (zone: string, file: string) => texts.get(join(folder, `thermal_zone${zone}`, file));
  const deviceText = (name: string, file: string) => texts.get(join(folder, `cooling_device${name}`, file));
  return [
    ...zones.flatMap((zone) => {
      const [type, millidegrees] = [zoneText(zone, 'type'), signed(zoneText(zone, 'temp'))];
      if (type === undefined || millidegrees === undefined) return [];
      return [sample(temperature, millidegrees / 1_000, { zone, type })];
    }),
    ...devices.flatMap((name) => {
      const type = deviceText(name, 'type');
      const [now, most] = [signed(deviceText(name, 'cur_state')), signed(deviceText(name, 'max_state'))];
      if (type === undefined || now === undefined || most === undefined) return [];
      return [sample(currentState, now, { name, type }), sample(maximumState, most, { name, type })];
    }),
  ];
}
