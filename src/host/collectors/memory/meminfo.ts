import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector } from '../../collector.ts';
import { MEMINFO_FIELDS } from './meminfo-fields.ts';
import { readProcFile, unsigned } from '../../procfile.ts';

const families: ReadonlyMap<string, Family> = new Map(
  Object.entries(MEMINFO_FIELDS).map(([field, help]) => [
    field,
    defineFamily('gauge', familyName(field), help),
  ]),
);

/** `Active(anon)` is `node_memory_Active_anon_bytes`; the counts of huge pages have no unit. */
function familyName(field: string): string {
  const plain = field.replace('(', '_').replace(')', '');
  return plain.startsWith('HugePages_') ? `node_memory_${plain}` : `node_memory_${plain}_bytes`;
}

const darwinTotal = ofDarwin('total', 'Memory of the machine, in bytes (macOS).');
const darwinFree = ofDarwin('free', 'Unused memory, in bytes (macOS).');

function ofDarwin(name: string, help: string): Family {
  return defineFamily('gauge', `node_memory_${name}_bytes`, help);
}

/** /proc/meminfo, limited to the fields that node_exporter exposes since 1.9. */
export const meminfo: Collector = {
  name: 'meminfo',
  families: [...families.values(), darwinTotal, darwinFree],
  create: ({ procfs, system }) => ({
    collect: () =>
      system.platform === 'darwin'
        ? [sample(darwinTotal, system.totalmem()), sample(darwinFree, system.freemem())]
        : collect(procfs),
  }),
};

function collect(procfs: string): Sample[] {
  const samples: Sample[] = [];
  for (const [field, value] of readMeminfo(procfs)) {
    const family = families.get(field);
    if (family !== undefined) samples.push(sample(family, value));
  }
  if (samples.length === 0)
    throw new CollectorError(`${procfs}/meminfo has no known field: expected "MemTotal: 123 kB"`);
  return samples;
}

const LINE = /^([^\s:]+):\s+(\d+)(?: (kB))?\s*$/;

/**
 * Reads /proc/meminfo: amounts in bytes, counts as they are. Invalid lines are left out.
 * @see https://docs.kernel.org/filesystems/proc.html#meminfo
 * @throws {CollectorError} when it cannot be read
 */
export function readMeminfo(procfs: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of readProcFile(procfs, 'meminfo').split('\n')) {
    const [, field, digits, unit] = LINE.exec(line) ?? [];
    const value = unsigned(digits);
    if (field !== undefined && value !== undefined)
      values.set(field, unit === undefined ? value : value * 1024);
  }
  return values;
}
