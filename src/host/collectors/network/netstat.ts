import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { CollectorError, type Collector, type CollectorInstance } from '../../collector.ts';
import { NETSTAT_FIELDS } from './netstat-fields.ts';
import { fields, readNetFile, readOptionalFile, netFolder, signed } from '../../procfile.ts';

const families: ReadonlyMap<string, Family> = new Map(
  Object.entries(NETSTAT_FIELDS).map(([field, help]) => [
    field,
    defineFamily('untyped', `node_netstat_${field}`, help),
  ]),
);

/**
 * The counters of protocols, from /proc/net/netstat, snmp and snmp6: the fields that node_exporter exposes by default.
 */
export const netstat: Collector = {
  name: 'netstat',
  families: [...families.values()],
  create: ({ procfs }) => new NetstatCollector(procfs),
};

/** The exposed columns of a line of names. */
type Columns = readonly (readonly [column: number, family: Family])[];

class NetstatCollector implements CollectorInstance {
  readonly #procfs: string;
  /** The lines of names are long and do not change. */
  readonly #columns = new Map<string, Columns>();

  constructor(procfs: string) {
    this.#procfs = procfs;
  }

  collect(): Sample[] {
    const folder = netFolder(this.#procfs);
    const samples = [
      ...this.#pairsOfLines(readNetFile(this.#procfs, 'netstat')),
      ...this.#pairsOfLines(readNetFile(this.#procfs, 'snmp')),
      // Does not exist where IPv6 is turned off.
      ...linesOfSnmp6(readOptionalFile(folder, 'snmp6') ?? ''),
    ];
    if (samples.length === 0)
      throw new CollectorError(
        `netstat and snmp under ${folder} have no known field: expected "Tcp: … CurrEstab …" and a line of values`,
      );
    // A field that appears twice is exposed once.
    return [...new Map(samples.map((each) => [each.family.name, each])).values()];
  }

  /** `Tcp: A B` above `Tcp: 1 2` is Tcp_A 1, Tcp_B 2; a line without its pair is skipped. */
  *#pairsOfLines(text: string): Generator<Sample> {
    let names = '';
    for (const line of text.split('\n')) {
      const protocol = line.slice(0, line.indexOf(':') + 1);
      if (protocol === '' || !names.startsWith(protocol)) {
        names = line;
        continue;
      }
      const values = fields(line);
      for (const [column, family] of this.#columnsOf(names)) {
        const value = signed(values[column]);
        if (value !== undefined) yield sample(family, value);
      }
      names = '';
    }
  }

  #columnsOf(names: string): Columns {
    const known = this.#columns.get(names);
    if (known !== undefined) return known;
    const [protocol = '', ...fieldNames] = fields(names);
    const columns = fieldNames.flatMap((name, i) => {
      const family = families.get(`${protocol.slice(0, -1)}_${name}`);
      return family === undefined ? [] : [[i + 1, family] as const];
    });
    // Limits the cache, whatever the file contains.
    if (this.#columns.size >= MAX_KEPT) this.#columns.clear();
    this.#columns.set(names, columns);
    return columns;
  }
}

const MAX_KEPT = 32;

/** `Udp6InErrors 4` is Udp6_InErrors 4. */
function* linesOfSnmp6(text: string): Generator<Sample> {
  for (const line of text.split('\n')) {
    const six = line.indexOf('6') + 1;
    if (six === 0) continue;
    const [name = '', digits] = fields(line.slice(six));
    const family = families.get(`${line.slice(0, six)}_${name}`);
    const value = signed(digits);
    if (family !== undefined && value !== undefined) yield sample(family, value);
  }
}
