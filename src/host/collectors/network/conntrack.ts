import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { AbsentError, CollectorError, type Collector } from '../../collector.ts';
import { fields, netFolder, readOptionalFile, unsigned } from '../../procfile.ts';

function gauge(name: string, help: string): Family {
  return defineFamily('gauge', `node_nf_conntrack_${name}`, help);
}

const current = gauge('entries', 'Number of currently allocated flow entries for connection tracking.');
const limit = gauge('entries_limit', 'Maximum size of connection tracking table.');

/** By the columns of /proc/net/stat/nf_conntrack, whose names have changed while their positions have not. */
const COLUMNS: ReadonlyMap<number, Family> = new Map([
  [2, gauge('stat_found', 'Number of searched entries which were successful.')],
  [4, gauge('stat_invalid', 'Number of packets seen which can not be tracked.')],
  [5, gauge('stat_ignore', 'Number of packets seen which are already connected to a conntrack entry.')],
  [8, gauge('stat_insert', 'Number of entries inserted into the list.')],
  [9, gauge('stat_insert_failed', 'Number of entries for which list insertion was attempted but failed.')],
  [10, gauge('stat_drop', 'Number of packets dropped due to conntrack failure.')],
  [
    11,
    gauge(
      'stat_early_drop',
      'Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.',
    ),
  ],
  [
    16,
    gauge(
      'stat_search_restart',
      'Number of conntrack table lookups which had to be restarted due to hashtable resizes.',
    ),
  ],
]);

/** Netfilter's connection tracking. */
export const conntrack: Collector = {
  name: 'conntrack',
  families: [current, limit, ...COLUMNS.values()],
  create: ({ procfs }) => ({ collect: () => collect(procfs) }),
};

function collect(procfs: string): Sample[] {
  const [entries, most] = ['nf_conntrack_count', 'nf_conntrack_max'].map((name) =>
    readOptionalFile(procfs, 'sys', 'net', 'netfilter', name)?.trim(),
  );
  if (entries === undefined || most === undefined)
    throw new AbsentError(
      `${procfs}/sys/net/netfilter has no nf_conntrack_count and nf_conntrack_max: connections are not tracked`,
    );
  const known = [
    { family: current, value: unsigned(entries) },
    { family: limit, value: unsigned(most) },
    ...sums(readOptionalFile(netFolder(procfs), 'stat', 'nf_conntrack') ?? ''),
  ];
  const samples = known.flatMap(({ family, value }) => (value === undefined ? [] : [sample(family, value)]));
  if (samples.length === 0)
    throw new CollectorError(`the files of connection tracking under ${procfs} contain no numbers`);
  return samples;
}

const HEXADECIMAL = /^[0-9a-f]{1,16}$/i;

/** Below the line of names there is one line of hexadecimal numbers for each CPU. */
function sums(text: string): { family: Family; value: number | undefined }[] {
  const cpus = text.split('\n').slice(1).map(fields);
  return [...COLUMNS].map(([column, family]) => {
    const numbers = cpus.map((line) => line[column] ?? '').filter((digits) => HEXADECIMAL.test(digits));
    const sum = numbers.reduce((so, digits) => so + Number.parseInt(digits, 16), 0);
    return { family, value: numbers.length === 0 ? undefined : sum };
  });
}
