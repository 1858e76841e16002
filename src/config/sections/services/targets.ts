import { z } from 'zod';
import type { Target } from '../../../domain/service.ts';
import type { Prober } from '../../../probes/prober.ts';
import type { ConfigFiles } from '../../../settings/values.ts';
import type { ConfigContext } from '../../schema/context.ts';
import { key, mapping } from '../../schema/mapping.ts';
import { pathIn, text } from '../../schema/values.ts';
import type { Path } from '../../yaml/path.ts';
import type { ConfigReader } from '../../reading/reader.ts';
import { targetsFile } from './targets-file.ts';
import type { TargetsFile } from './targets-file.ts';

/** One address: text, or a mapping with an alias. */
const oneTarget = z
  .union([
    z.string().min(1),
    mapping({
      address: key('address', z.string().min(1), 'in the form that the prober expects'),
      alias: key(
        'alias',
        text.optional(),
        'the label `target`; required where two of a service would be the same',
        {
          whenAbsent: 'the address, without credentials and query',
        },
      ),
    }),
  ])
  .transform((given) => (typeof given === 'string' ? { address: given } : given));

/** The keys that say what a service probes: it has exactly one of them. */
export const targetKeys = ({ files }: Pick<ConfigContext, 'files'>) => ({
  target: key('target', oneTarget.optional(), 'one address, in the form that the prober expects'),
  targets: key(
    'targets',
    z.array(oneTarget).optional(),
    'several addresses; exactly one of `target`, `targets` and `targets_file` is required',
  ),
  targets_file: key(
    'targetsFile',
    pathIn(files).optional(),
    'a file of addresses that may change at any time: see [below](#targets-from-a-file)',
  ),
});
export const TARGET_KEYS = ['target', 'targets', 'targets_file'] as const;

interface TargetsContext {
  readonly reader: ConfigReader;
  readonly files: ConfigFiles;
  readonly builtIn: ReadonlySet<string>;
}

interface Targets {
  readonly targets: readonly Target[];
  /** Where they come from; if given, `targets` is empty. */
  readonly targetsFile?: TargetsFile;
}

/** Reads the targets of a service as its prober parses them; undefined when one of them is invalid. */
export function readTargets(
  { reader, files, builtIn }: TargetsContext,
  service: Path,
  prober: Prober | undefined,
): Targets | undefined {
  const [key, ...others] = TARGET_KEYS.filter((one) => reader.has([...service, one]));
  if (key === undefined)
    reader.report(service, 'missing target; give one of target, targets and targets_file');
  for (const other of others)
    reader.report([...service, other], `give either ${String(key)} or ${other}, not both`, 'key');
  if (key !== 'targets_file') return readList(reader, service, prober);
  const path = reader.value(pathIn(files), [...service, key])?.value;
  if (path === undefined || prober === undefined) return undefined;
  return { targets: [], targetsFile: targetsFile({ path, prober, builtIn }) };
}

function readList(reader: ConfigReader, service: Path, prober: Prober | undefined): Targets | undefined {
  const paths = targetPaths(reader, service);
  const seen = new Map<string, Path>();
  const targets = paths.flatMap((path): readonly Target[] => {
    const given = reader.value(oneTarget, path)?.value;
    const target = given === undefined ? undefined : resolve(reader, path, { prober, ...given });
    if (target === undefined) return [];
    unique(reader, target.label, path, seen);
    return [target];
  });
  return targets.length > 0 && targets.length === paths.length ? { targets } : undefined;
}

function targetPaths(reader: ConfigReader, service: Path): readonly Path[] {
  const [one, list] = [
    [...service, 'target'],
    [...service, 'targets'],
  ];
  const several = reader.items(list);
  if (reader.node(list)?.kind === 'list' && several.length === 0)
    reader.report(list, 'expected at least 1 target');
  return reader.has(one) ? [one, ...several] : several;
}

interface GivenTarget {
  readonly prober: Prober | undefined;
  readonly address: string;
  readonly alias?: string | undefined;
}

function resolve(
  reader: ConfigReader,
  path: Path,
  { prober, address, alias }: GivenTarget,
): Target | undefined {
  const parts = prober?.target(address);
  if (parts === undefined) return undefined;
  if ('problem' in parts) {
    reader.report(reader.node(path)?.kind === 'map' ? [...path, 'address'] : path, parts.problem);
    return undefined;
  }
  return { address, label: alias ?? parts.label, host: parts.host };
}

function unique(reader: ConfigReader, label: string, path: Path, seen: Map<string, Path>): void {
  const first = seen.get(label);
  if (first === undefined) {
    seen.set(label, path);
    return;
  }
  const index = String(first.at(-1));
  const other = typeof first.at(-1) === 'number' ? `targets[${index}]` : index;
  reader.report(
    path,
    `same label "${label}" as ${other}; give one of them an alias: { address: …, alias: … }`,
  );
}
