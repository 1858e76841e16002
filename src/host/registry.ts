import type { Family } from '../metrics/family.ts';
import type { Collector } from './collector.ts';
import { conntrack } from './collectors/network/conntrack.ts';
import { cpu } from './collectors/cpu/cpu.ts';
import { cpufreq } from './collectors/cpu/cpufreq.ts';
import { diskstats } from './collectors/disk/diskstats.ts';
import { entropy } from './collectors/system/entropy.ts';
import { filefd } from './collectors/disk/filefd.ts';
import { filesystem } from './collectors/disk/filesystem.ts';
import { scrapeFamilies } from './host.ts';
import { loadavg } from './collectors/cpu/loadavg.ts';
import { meminfo } from './collectors/memory/meminfo.ts';
import { netclass } from './collectors/network/netclass.ts';
import { netdev } from './collectors/network/netdev.ts';
import { netstat } from './collectors/network/netstat.ts';
import { os } from './collectors/system/os.ts';
import { pressure } from './collectors/cpu/pressure.ts';
import { processes } from './collectors/cpu/processes.ts';
import { sockstat } from './collectors/network/sockstat.ts';
import { stat } from './collectors/cpu/stat.ts';
import { textfile } from './textfile/textfile.ts';
import { thermalZone } from './collectors/cpu/thermal_zone.ts';
import { time } from './collectors/system/time.ts';
import { uname } from './collectors/system/uname.ts';
import { vmstat } from './collectors/memory/vmstat.ts';

/** All collectors. */
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
