import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector } from '../../collector.ts';
import { fields, netFolder, readNetFile, readOptionalFile, signed } from '../../procfile.ts';

const HELP: Readonly<Record<string, string>> = {
  inuse: 'sockets in use',
  orphan: 'sockets no longer attached to a program',
  tw: 'sockets in TIME_WAIT',
  alloc: 'sockets allocated',
  mem: 'memory of sockets, in pages',
  memory: 'memory of fragments, in bytes',
};

/** The protocols and their exposed fields, under the kernel's names. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  TCP: ['inuse', 'orphan', 'tw', 'alloc', 'mem'],
  UDP: ['inuse', 'mem'],
  UDPLITE: ['inuse'],
  RAW: ['inuse'],
  FRAG: ['inuse', 'memory'],
  TCP6: ['inuse'],
  UDP6: ['inuse'],
  UDPLITE6: ['inuse'],
  RAW6: ['inuse'],
  FRAG6: ['inuse', 'memory'],
};

function gauge(name: string, help: string): Family {
  return defineFamily('gauge', `node_sockstat_${name}`, help);
}

const used = gauge('sockets_used', 'Sockets in use, of all protocols.');

const families: ReadonlyMap<string, Family> = new Map([
  ['sockets used', used],
  ...Object.entries(KEYS).flatMap(([protocol, keys]) =>
    keys.map((key): [string, Family] => [
      `${protocol} ${key}`,
      gauge(`${protocol}_${key}`, `${protocol}: ${HELP[key] ?? key}.`),
    ]),
  ),
]);

/** The kernel counts pages; these families have the same in bytes. */
const inBytes: ReadonlyMap<string, Family> = new Map(
  ['TCP', 'UDP'].map((protocol) => [
    `${protocol} mem`,
    gauge(`${protocol}_mem_bytes`, `${protocol}: memory of sockets, in bytes.`),
  ]),
);

/** Sockets by protocol, from /proc/net/sockstat and sockstat6. */
export const sockstat: Collector = {
  name: 'sockstat',
  families: [...families.values(), ...inBytes.values()],
  create: ({ procfs, system }) => ({ collect: () => collect(procfs, system.pageSize) }),
};

function collect(procfs: string, pageSize: number): Sample[] {
  // Does not exist where IPv6 is turned off.
  const texts = [readNetFile(procfs, 'sockstat'), readOptionalFile(netFolder(procfs), 'sockstat6') ?? ''];
  const samples: Sample[] = [];
  for (const [key, value] of texts.flatMap((text) => [...pairs(text)])) {
    const family = families.get(key);
    const bytes = inBytes.get(key);
    if (family !== undefined) samples.push(sample(family, value));
    if (bytes !== undefined) samples.push(sample(bytes, value * pageSize));
  }
  if (samples.length === 0)
    throw new CollectorError(
      `sockstat under ${netFolder(procfs)} has no known field: expected "TCP: inuse 35 …"`,
    );
  return samples;
}

/** `TCP: inuse 35 orphan 0` is `TCP inuse` 35, `TCP orphan` 0. */
function* pairs(text: string): Generator<[string, number]> {
  for (const line of text.split('\n')) {
    const [protocol = '', ...rest] = fields(line);
    if (!protocol.endsWith(':')) continue;
    for (let i = 0; i + 1 < rest.length; i += 2) {
      // the kernel adds up counters of its CPUs, and the sum may be below 0 for a moment
      const value = signed(rest[i + 1]);
      if (value !== undefined) yield [`${protocol.slice(0, -1)} ${rest[i] ?? ''}`, value];
    }
  }
}
