import type { Target } from '../domain/service.ts';
import type { Prober } from '../probes/prober.ts';
import type { Path } from './path.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import { targetsFile } from './targets-file.ts';
import type { ConfiguredService } from './types.ts';

/** The keys that say what a service probes: it has exactly one of them. */
export const TARGET_KEYS = ['target', 'targets', 'targets_file'] as const;

interface Context {
  readonly reader: Reader;
  readonly schemas: ConfigSchemas;
  readonly builtIn: ReadonlySet<string>;
}

type Targets = Pick<ConfiguredService, 'targets' | 'targetsFile'>;

/** Reads the targets of a service, as its prober understands them; undefined when one of them is wrong. */
export function readTargets(
  { reader, schemas, builtIn }: Context,
  service: Path,
  prober: Prober | undefined,
): Targets | undefined {
  const [key, ...others] = TARGET_KEYS.filter((one) => reader.has([...service, one]));
  if (key === undefined)
    reader.report(service, 'missing target; say what to probe, with target, targets or targets_file');
  for (const other of others)
    reader.report([...service, other], `give either ${String(key)} or ${other}, not both`, 'key');
  if (key !== 'targets_file') return readList({ reader, schemas }, service, prober);
  const path = reader.value(schemas.targetsFile, [...service, key])?.value;
  if (path === undefined || prober === undefined) return undefined;
  return { targets: [], targetsFile: targetsFile({ path, prober, builtIn }) };
}

function readList(
  { reader, schemas }: Pick<Context, 'reader' | 'schemas'>,
  service: Path,
  prober: Prober | undefined,
): Targets | undefined {
  const paths = targetPaths(reader, service);
  const seen = new Map<string, Path>();
  const targets = paths.flatMap((path): readonly Target[] => {
    const given = reader.value(schemas.target, path)?.value;
    const target = given === undefined ? undefined : resolve(reader, path, { prober, ...given });
    if (target === undefined) return [];
    unique(reader, target.label, path, seen);
    return [target];
  });
  return targets.length > 0 && targets.length === paths.length ? { targets } : undefined;
}

function targetPaths(reader: Reader, service: Path): readonly Path[] {
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

function resolve(reader: Reader, path: Path, { prober, address, alias }: GivenTarget): Target | undefined {
  const parts = prober?.target(address);
  if (parts === undefined) return undefined;
  if ('problem' in parts) {
    reader.report(reader.node(path)?.kind === 'map' ? [...path, 'address'] : path, parts.problem);
    return undefined;
  }
  return { address, label: alias ?? parts.label, host: parts.host };
}

function unique(reader: Reader, label: string, path: Path, seen: Map<string, Path>): void {
  const first = seen.get(label);
  if (first === undefined) {
    seen.set(label, path);
    return;
  }
  const index = String(first.at(-1));
  const other = typeof first.at(-1) === 'number' ? `targets[${index}]` : index;
  reader.report(
    path,
    `shown as "${label}", as ${other} is; give one of them an alias: { address: …, alias: … }`,
  );
}
