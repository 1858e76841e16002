import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector } from '../../collector.ts';
import { fields, readProcFile } from '../../procfile.ts';

const families = [
  family('node_load1', '1 minute'),
  family('node_load5', '5 minutes'),
  family('node_load15', '15 minutes'),
];

function family(name: string, span: string): Family {
  const help = `Tasks that ran, waited for a CPU or slept uninterruptibly, averaged over ${span}.`;
  return defineFamily('gauge', name, help);
}

/** The load averages of /proc/loadavg. */
export const loadavg: Collector = {
  name: 'loadavg',
  families,
  create: ({ procfs, system }) => ({
    collect: () =>
      system.platform === 'darwin' ? families.flatMap(loadSample(system.loadavg())) : read(procfs),
  }),
};

function loadSample(loads: readonly number[]): (family: Family, i: number) => Sample[] {
  return (of, i) => {
    const load = loads[i];
    return load === undefined ? [] : [sample(of, load)];
  };
}

const LOAD = /^\d+(?:\.\d+)?$/;

function read(procfs: string): Sample[] {
  const text = readProcFile(procfs, 'loadavg');
  const loads = fields(text).map((load) => (LOAD.test(load) ? Number(load) : NaN));
  const samples = families.flatMap(loadSample(loads)).filter(({ value }) => !Number.isNaN(value));
  if (samples.length === 0)
    throw new CollectorError(`${procfs}/loadavg has no load average: expected "0.10 0.20 0.30 …"`);
  return samples;
}
