import type { Family } from '../metrics/family.ts';
import type { Collector } from './collector.ts';
import { cpu } from './cpu.ts';
import { filesystem } from './filesystem.ts';
import { scrapeFamilies } from './host.ts';
import { loadavg } from './loadavg.ts';
import { meminfo } from './meminfo.ts';
import { netdev } from './netdev.ts';

/** Every collector there is: the one list. */
export const collectors: readonly Collector[] = Object.freeze([cpu, filesystem, loadavg, meminfo, netdev]);

/** Every family that a host can have, those about the collectors themselves included. */
export const hostFamilies: readonly Family[] = Object.freeze([
  ...collectors.flatMap((of) => of.families),
  ...scrapeFamilies,
]);
