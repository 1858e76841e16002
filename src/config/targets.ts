import type { Target } from '../domain/service.ts';
import type { Prober } from '../probes/prober.ts';
import type { Path } from './path.ts';
import type { Reader } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';

/** Reads the targets of a service, as its prober understands them; undefined when one of them is wrong. */
export function readTargets(
  { reader, schemas }: { reader: Reader; schemas: ConfigSchemas },
  service: Path,
  prober: Prober | undefined,
): readonly Target[] | undefined {
  const paths = targetPaths(reader, service);
  const seen = new Map<string, Path>();
  const targets = paths.flatMap((path): readonly Target[] => {
    const given = reader.value(schemas.target, path)?.value;
    const target = given === undefined ? undefined : resolve(reader, path, { prober, ...given });
    if (target === undefined) return [];
    unique(reader, target.label, path, seen);
    return [target];
  });
  return targets.length > 0 && targets.length === paths.length ? targets : undefined;
}

function targetPaths(reader: Reader, service: Path): readonly Path[] {
  const [one, list] = [
    [...service, 'target'],
    [...service, 'targets'],
  ];
  if (reader.has(one) && reader.has(list))
    reader.report(list, 'give either target or targets, not both', 'key');
  if (!reader.has(one) && !reader.has(list))
    reader.report(service, 'missing target; say what to probe, with target or targets');
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
