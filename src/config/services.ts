import type { z } from 'zod';
import type { Probe, Prober } from '../probes/prober.ts';
import type { ConfigFiles } from '../probes/settings.ts';
import { uniqueName } from './access.ts';
import { unknownKey } from './issues.ts';
import { builtInLabels, labelNameProblem } from './labels.ts';
import { nearest, suggest } from './nearest.ts';
import type { Path } from './path.ts';
import type { Reader, Section } from './reader.ts';
import type { ConfigSchemas } from './schemas.ts';
import { readTargets, TARGET_KEYS } from './targets.ts';
import { adaptiveOf, confirmOf, timingOf } from './timing.ts';
import type { ServiceDefaults } from './timing.ts';
import type { ConfiguredService } from './types.ts';

export interface ServicesInput {
  readonly reader: Reader;
  readonly schemas: ConfigSchemas;
  readonly files: ConfigFiles;
  readonly probers: readonly Prober[];
  readonly defaults: ServiceDefaults;
}

interface Context extends ServicesInput {
  readonly builtIn: ReadonlySet<string>;
  /** Of each type, made once: building a schema costs more than using it. */
  readonly settings: ReadonlyMap<string, z.ZodType<Probe>>;
  readonly names: Set<string>;
}

type ServiceShape = ConfigSchemas['service'];

/** Reads `services`: the enabled ones that are right, in the order of the file. Wrong ones are reported. */
export function readServices(input: ServicesInput): readonly ConfiguredService[] {
  const context: Context = {
    ...input,
    builtIn: builtInLabels(input.probers),
    settings: new Map(input.probers.map((prober) => [prober.type, prober.schema(input.files)])),
    names: new Set(),
  };
  return input.reader.items(['services']).flatMap((path) => readService(context, path) ?? []);
}

function readService(context: Context, path: Path): ConfiguredService | undefined {
  const { reader, schemas } = context;
  const types = context.probers.map((prober) => prober.type);
  const chosen = types.filter((type) => reader.node([...path, type]) !== undefined);
  const strangers: string[] = [];
  const section = reader.section(schemas.service, path, {
    other: [...TARGET_KEYS, ...types],
    unknown: (key, valid) => {
      if (chosen.length > 0 || !looksLikeProber(reader, [...path, key], valid, types))
        return unknownKey(key, valid);
      strangers.push(key);
      return `unknown prober "${key}"; ${suggest(key, types, 'probers')}`;
    },
  });
  uniqueName(reader, path, section.partial.name, context.names);
  checkLabels(context, path);
  if (strangers.length === 0) checkChoice(reader, path, chosen, types);
  const probes = chosen.map((type) => readProbe(context, path, type));
  const [type] = chosen;
  const prober = context.probers.find((one) => one.type === type);
  const [probe] = probes;
  const targets = readTargets(context, path, prober && demanding(prober, probe));
  const timing = timingOf(reader, path, section.partial, context.defaults);
  if (type === undefined || probe === undefined || targets === undefined || timing === undefined)
    return undefined;
  return assemble(section, context.defaults, { prober: type, probe, ...targets, ...timing });
}

/** An unknown key is a misspelt or missing prober when it holds settings, or nothing, and resembles no other key. */
function looksLikeProber(
  reader: Reader,
  path: Path,
  valid: readonly string[],
  types: readonly string[],
): boolean {
  const near = nearest(String(path.at(-1)), valid);
  if (near !== undefined) return types.includes(near);
  return reader.node(path)?.kind === 'map' || !reader.has(path);
}

function checkChoice(reader: Reader, path: Path, chosen: readonly string[], types: readonly string[]): void {
  const [first, ...others] = chosen;
  if (first === undefined) {
    const choice = [...types].sort().join(', ');
    reader.report(
      path,
      `names no prober; add one of these with its settings, such as "${types[0] ?? 'http'}: {}": ${choice}`,
    );
  }
  for (const other of others) {
    reader.report(
      [...path, other],
      `a service has one prober, and this one has ${String(first)} already; make it two services`,
      'key',
    );
  }
}

function readProbe({ reader, settings }: Context, path: Path, type: string): Probe | undefined {
  const schema = settings.get(type);
  return schema && reader.value(schema, [...path, type], { empty: {} })?.value;
}

/** A prober that refuses addresses, too, for what neither they nor these settings say. */
function demanding(prober: Prober, probe: Probe | undefined): Prober {
  const target: Prober['target'] = (address) => {
    const problem = probe?.missing?.(address);
    return problem === undefined ? prober.target(address) : { problem };
  };
  return { ...prober, target };
}

function checkLabels({ reader, builtIn }: Context, path: Path): void {
  for (const name of reader.keys([...path, 'labels'])) {
    const problem = labelNameProblem(name, builtIn);
    if (problem !== undefined) reader.report([...path, 'labels', name], problem, 'key');
  }
}

type Bound = Pick<
  ConfiguredService,
  'prober' | 'probe' | 'targets' | 'targetsFile' | 'intervalMs' | 'timeoutMs'
>;

function assemble(
  { whole }: Section<ServiceShape>,
  defaults: ServiceDefaults,
  bound: Bound,
): ConfiguredService | undefined {
  const { adaptive, confirm } = defaults;
  if (whole?.enabled !== true || adaptive === undefined || confirm === undefined) return undefined;
  const { description, group, degraded_after: slow, resolver } = whole;
  const { critical, warning } = whole.escalation;
  return {
    name: whole.name,
    ...(description !== undefined && { description }),
    critical: whole.critical,
    ...(group !== undefined && { group }),
    priority: whole.priority,
    ...(slow !== undefined && { degradedAfterMs: slow }),
    // To Prometheus an empty label is no label.
    labels: Object.fromEntries(Object.entries(whole.labels).filter(([, value]) => value !== '')),
    confirm: confirmOf(whole.confirm, confirm),
    adaptive: adaptiveOf(whole.adaptive, adaptive, bound.intervalMs),
    escalation: { ...(critical && { critical }), ...(warning && { warning }) },
    ...(resolver !== undefined && { resolver }),
    ...(whole.all_addresses && { allAddresses: true }),
    ...bound,
  };
}
