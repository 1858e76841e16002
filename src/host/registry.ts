import type { Family } from '../metrics/family.ts';
import type { Collector } from './collector.ts';
import { conntrack } from './conntrack.ts';
import { cpu } from './cpu.ts';
import { cpufreq } from './cpufreq.ts';
import { diskstats } from './diskstats.ts';
import { entropy } from './entropy.ts';
import { filefd } from './filefd.ts';
import { filesystem } from './filesystem.ts';
import { scrapeFamilies } from './host.ts';
import { loadavg } from './loadavg.ts';
import { meminfo } from './meminfo.ts';
import { netclass } from './netclass.ts';
import { netdev } from './netdev.ts';
import { netstat } from './netstat.ts';
import { os } from './os.ts';
import { pressure } from './pressure.ts';
import { processes } from './processes.ts';
import { sockstat } from './sockstat.ts';
import { stat } from './stat.ts';
import { textfile } from './textfile.ts';
import { thermalZone } from './thermal_zone.ts';
import { time } from './time.ts';
import { uname } from './uname.ts';
import { vmstat } from './vmstat.ts';

/** Every collector there is: the one list. */
export const collectors: readonly Collector[] = Object.freeze([
  conntrack,
  cpu,
  cpufreq,
  diskstats,
  entropy,
  filefd,
  filesystem,
  loadavg,
  meminfo,
  netclass,
  netdev,
  netstat,
  os,
  pressure,
  processes,
  sockstat,
  stat,
  textfile,
  thermalZone,
  time,
  uname,
  vmstat,
]);

/** Every family that a host can have, those about the collectors themselves included. */
export const hostFamilies: readonly Family[] = Object.freeze([
  ...collectors.flatMap((of) => of.families),
  ...scrapeFamilies,
]);
