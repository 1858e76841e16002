import { z } from 'zod';
import type { Service } from '../../../domain/service.ts';
import type { Probe, Prober } from '../../../probes/prober.ts';
import type { ConfigContext } from '../../schema/context.ts';
import { unknownKey } from '../../reading/schema-problems.ts';
import { key, mapping, readMapping } from '../../schema/mapping.ts';
import type { Values } from '../../schema/mapping.ts';
import { nearest, suggest } from '../../reading/nearest.ts';
import type { Path } from '../../yaml/path.ts';
import type { ConfigReader } from '../../reading/reader.ts';
import { count, interval, name, nameServer, text, timer } from '../../schema/values.ts';
import { ownEscalationKeys } from '../escalation.ts';
import { builtInLabels, labelNameProblem } from './labels.ts';
import { uniqueName } from '../rules.ts';
import { readTargets, TARGET_KEYS } from './targets.ts';
import type { TargetsFile } from './targets-file.ts';
import { adaptiveOf, timingOf } from './timing.ts';
import type { ServiceDefaults, Timing } from './timing.ts';

const ownConfirmKeys = {
  failures: key('failures', count.optional(), 'as in `confirm`', { whenAbsent: '`confirm.failures`' }),
  successes: key('successes', count.optional(), 'as in `confirm`', { whenAbsent: '`confirm.successes`' }),
  retry_interval: key('retryIntervalMs', timer.optional(), 'as in `confirm`', {
    whenAbsent: '`confirm.retry_interval`',
  }),
};

const ownAdaptiveKeys = {
  degraded: key('degradedMs', interval.optional(), 'while degraded', {
    whenAbsent: '`scheduler.adaptive.degraded`',
  }),
  unhealthy: key('unhealthyMs', interval.optional(), 'while unhealthy', {
    whenAbsent: '`scheduler.adaptive.unhealthy`',
  }),
};

/** The keys of an entry of `services`, besides its prober and its targets. */
export const serviceKeys = {
  name: key('name', name, 'unique; the label `service`'),
  description: key('description', text.optional(), 'the name shown to people'),
  enabled: key('enabled', z.boolean().prefault(true), '`false`: validated, but not watched'),
  critical: key(
    'critical',
    z.boolean().prefault(false),
    'the cluster is unhealthy when it is, and it weighs three times in the ratio',
  ),
  group: key('group', text.optional(), 'the label `group`'),
  priority: key('priority', z.int().min(0).prefault(1), 'within the group, for routing'),
  interval: key('intervalMs', interval.optional(), 'how often each target is probed', {
    whenAbsent: '`scheduler.interval`',
  }),
  timeout: key('timeoutMs', timer.optional(), 'how long a run may take; at most the interval', {
    whenAbsent: '`scheduler.timeout`, shortened to the interval',
  }),
  degraded_after: key(
    'degradedAfterMs',
    timer.optional(),
    'a success slower than this is degraded; shorter than the timeout',
  ),
  labels: key(
    'labels',
    z
      .record(
        z.string(),
        z.string().meta({
          description:
            "refused: `__*`, what Prometheus and Alertmanager use (`job`, `instance`, `alertname`, `severity`, `le`, `quantile`) and every label that Tocsin's own families have (`service`, `target`, `prober`, `group`, `state`, `reason`, `phase`, `version` …)",
        }),
      )
      .meta({ title: 'mapping of labels' })
      .prefault({}),
    'labels of every series of its checks; one with an empty value is left out',
  ),
  resolver: key(
    'resolver',
    z.array(nameServer).min(1).optional(),
    "name servers for its targets, each an address with `:port` or without: asked instead of the hosts file and this host's own, for names as they are written",
  ),
  all_addresses: key(
    'allAddresses',
    z.boolean().prefault(false),
    "each address of a target's name, IPv4 and IPv6, is a target of its own, probed and shown as `<target> (<address>)`; up to 64, looked up again at each interval or every 30 s",
  ),
  confirm: key(
    'confirm',
    mapping(ownConfirmKeys).prefault({}),
    'its own rule; what is left out is inherited',
  ),
  adaptive: key(
    'adaptive',
    z.union([z.literal(false), mapping(ownAdaptiveKeys)]).optional(),
    "inherited intervals never lengthen the service's own",
    { whenAbsent: '`scheduler.adaptive`' },
  ),
  escalation: key(
    'escalation',
    mapping(ownEscalationKeys).prefault({}),
    'its own levels, for alerts that carry its name as the label `service`, from any sender; a severity that is left out is inherited',
  ),
};

type OwnValues = Values<typeof serviceKeys>;

/** A service, defaults filled in, bound to its prober's settings. */
export type ConfiguredService = Service &
  Omit<OwnValues, keyof Service | 'enabled'> & {
    readonly probe: Probe;
    /** Where its targets come from; if given, `targets` is empty. */
    readonly targetsFile?: TargetsFile;
  };

interface ServicesContext extends ConfigContext {
  readonly reader: ConfigReader;
  readonly defaults: ServiceDefaults;
  readonly builtIn: ReadonlySet<string>;
  /** By type, each made once: building a schema costs more than using it. */
  readonly settings: ReadonlyMap<string, z.ZodType<Probe>>;
  readonly names: Set<string>;
}

/** Reads `services`: the valid enabled ones, in the order of the file. Invalid ones are reported. */
export function readServices(
  reader: ConfigReader,
  config: ConfigContext,
  defaults: ServiceDefaults,
): readonly ConfiguredService[] {
  const context: ServicesContext = {
    ...config,
    reader,
    defaults,
    builtIn: builtInLabels(config.probers),
    settings: new Map(config.probers.map((prober) => [prober.type, prober.schema(config.files)])),
    names: new Set(),
  };
  return reader.items(['services']).flatMap((path) => readService(context, path) ?? []);
}

function readService(context: ServicesContext, path: Path): ConfiguredService | undefined {
  const { reader } = context;
  const types = context.probers.map((prober) => prober.type);
  const chosen = types.filter((type) => reader.node([...path, type]) !== undefined);
  const strangers: string[] = [];
  const { whole, partial } = readMapping(reader, serviceKeys, path, {
    other: [...TARGET_KEYS, ...types],
    unknown: (key, valid) => {
      if (chosen.length > 0 || !looksLikeProber(reader, [...path, key], valid, types))
        return unknownKey(key, valid);
      strangers.push(key);
      return `unknown prober "${key}"; ${suggest(key, types, 'probers')}`;
    },
  });
  uniqueName(reader, path, partial.name, context.names);
  checkLabels(context, path);
  if (strangers.length === 0) checkChoice(reader, path, chosen, types);
  const probes = chosen.map((type) => readProbe(context, path, type));
  const [type] = chosen;
  const prober = context.probers.find((one) => one.type === type);
  const [probe] = probes;
  const targets = readTargets(context, path, prober && proberWithRequirements(prober, probe));
  const timing = timingOf(reader, path, partial, context.defaults);
  if (type === undefined || probe === undefined || targets === undefined || timing === undefined)
    return undefined;
  return whole && assemble(whole, context.defaults, { prober: type, probe, ...targets, ...timing });
}

/**
 * An unknown key is taken for a misspelt or missing prober when it holds settings or nothing, and resembles no other
 * key.
 */
function looksLikeProber(
  reader: ConfigReader,
  path: Path,
  valid: readonly string[],
  types: readonly string[],
): boolean {
  const near = nearest(String(path.at(-1)), valid);
  if (near !== undefined) return types.includes(near);
  return reader.node(path)?.kind === 'map' || !reader.has(path);
}

function checkChoice(
  reader: ConfigReader,
  path: Path,
  chosen: readonly string[],
  types: readonly string[],
): void {
  const [first, ...others] = chosen;
  if (first === undefined) {
    const choice = [...types].sort().join(', ');
    reader.report(
      path,
      `missing prober; add one of these with its settings, such as "${types[0] ?? 'http'}: {}": ${choice}`,
    );
  }
  for (const other of others) {
    reader.report(
      [...path, other],
      `a service has one prober, and this one has ${String(first)} already; split it into two services`,
      'key',
    );
  }
}

function readProbe({ reader, settings }: ServicesContext, path: Path, type: string): Probe | undefined {
  const schema = settings.get(type);
  return schema && reader.value(schema, [...path, type], { empty: {} })?.value;
}

/** A prober that also rejects addresses without what neither they nor these settings give. */
function proberWithRequirements(prober: Prober, probe: Probe | undefined): Prober {
  const target: Prober['target'] = (address) => {
    const problem = probe?.missing?.(address);
    return problem === undefined ? prober.target(address) : { problem };
  };
  return { ...prober, target };
}

function checkLabels({ reader, builtIn }: ServicesContext, path: Path): void {
  for (const name of reader.keys([...path, 'labels'])) {
    const problem = labelNameProblem(name, builtIn);
    if (problem !== undefined) reader.report([...path, 'labels', name], problem, 'key');
  }
}

type BoundService = Pick<ConfiguredService, 'prober' | 'probe' | 'targets' | 'targetsFile'> & Timing;

function assemble(
  { enabled, labels, ...own }: OwnValues,
  { adaptive, confirm }: ServiceDefaults,
  bound: BoundService,
): ConfiguredService | undefined {
  if (!enabled || adaptive === undefined || confirm === undefined) return undefined;
  return {
    ...own,
    // to Prometheus an empty label is the same as none
    labels: Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')),
    ...bound,
    confirm: { ...confirm, ...own.confirm },
    adaptive: adaptiveOf(own.adaptive, adaptive, bound.intervalMs),
  };
}
