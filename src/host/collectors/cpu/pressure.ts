import { defineFamily, sample, type Family, type Sample } from '../../../metrics/family.ts';
import { AbsentError, CollectorError, type Collector } from '../../collector.ts';
import { hasCode, readOptionalFile, unsigned } from '../../procfile.ts';

function total(name: string, help: string): Family {
  return defineFamily('counter', `node_pressure_${name}_seconds_total`, help);
}

/** The exposed fields of each line of /proc/pressure. @see https://docs.kernel.org/accounting/psi.html */
const RESOURCES: Readonly<Record<string, Readonly<Record<string, Family>>>> = {
  cpu: { some: total('cpu_waiting', 'Total time in seconds that processes have waited for CPU time.') },
  io: {
    some: total('io_waiting', 'Total time in seconds that processes have waited due to IO congestion.'),
    full: total('io_stalled', 'Total time in seconds no process could make progress due to IO congestion.'),
  },
  memory: {
    some: total('memory_waiting', 'Total time in seconds that processes have waited for memory.'),
    full: total(
      'memory_stalled',
      'Total time in seconds no process could make progress due to memory congestion.',
    ),
  },
  irq: {
    full: total('irq_stalled', 'Total time in seconds no process could make progress due to IRQ congestion.'),
  },
};

/** How long tasks wait for scarce resources, from /proc/pressure (Linux 4.20; interrupts 6.1). */
export const pressure: Collector = {
  name: 'pressure',
  families: Object.values(RESOURCES).flatMap((families) => Object.values(families)),
  create: ({ procfs }) => ({ collect: () => collect(procfs) }),
};

function collect(procfs: string): Sample[] {
  const texts = Object.keys(RESOURCES).flatMap((resource): [string, string][] => {
    const text = readResource(procfs, resource);
    return text === undefined ? [] : [[resource, text]];
  });
  if (texts.length === 0)
    throw new AbsentError(
      `no pressure data under ${procfs}/pressure: the kernel is older than 4.20, was built without PSI, or needs psi=1 on its command line`,
    );
  const samples = texts.flatMap(([resource, text]) => [...parse(RESOURCES[resource] ?? {}, text)]);
  if (samples.length === 0)
    throw new CollectorError(`${procfs}/pressure cannot be parsed: expected "some avg10=0.00 … total=123"`);
  return samples;
}

function readResource(procfs: string, resource: string): string | undefined {
  try {
    return readOptionalFile(procfs, 'pressure', resource);
  } catch (error) {
    // The file exists, but fails when read: turned off at boot.
    if (hasCode(error, 'ENOTSUP') || hasCode(error, 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

const LINE = /^(\w+) .*\btotal=(\d+)$/;

function* parse(families: Readonly<Record<string, Family>>, text: string): Generator<Sample> {
  for (const line of text.split('\n')) {
    const [, word = '', digits] = LINE.exec(line) ?? [];
    const family = families[word];
    const microseconds = unsigned(digits);
    if (family !== undefined && microseconds !== undefined) yield sample(family, microseconds / 1_000_000);
  }
}
