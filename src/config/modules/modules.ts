import { dirname } from 'node:path';
import type { z } from 'zod';
import { failure } from '../../domain/result.ts';
import type { Probe, Prober } from '../../probes/prober.ts';
import type { ProbeModule } from '../../probes/module.ts';
import type { ConfigFiles } from '../../settings/values.ts';
import { DEFAULT_MODULES } from './default-modules.ts';
import type { Environment } from '../yaml/expand.ts';
import { configFilesIn, readText } from '../config-files.ts';
import { suggest } from '../reading/nearest.ts';
import type { Path } from '../yaml/path.ts';
import { ConfigReader } from '../reading/reader.ts';
import { redactedNode } from '../yaml/redacted-yaml.ts';
import type { ConfigProblem } from '../reading/problem.ts';
import { goDuration } from '../schema/values.ts';
import { parseBlackboxYaml } from '../yaml/yaml.ts';

/** Something in a modules file that is loaded but does not do what was intended. */
export interface ModuleNotice extends ConfigProblem {
  /** Whether each run of the module fails, with the reason `config`. */
  readonly alwaysFails: boolean;
}

/** The modules of a file, and its problems. */
export interface ModulesResult {
  readonly modules: ReadonlyMap<string, ProbeModule>;
  readonly problems: readonly ConfigProblem[];
  /** What is loaded but cannot work: `blackbox.yml:12: modules.x.http.enable_http3: …`. */
  readonly notices: readonly ModuleNotice[];
}

/**
 * Loads a blackbox_exporter modules file.
 * @param path absolute
 */
export function loadModules(path: string, probers: readonly Prober[], env: Environment = {}): ModulesResult {
  try {
    return readModules({
      name: path,
      text: readText(path),
      files: configFilesIn(dirname(path), env),
      probers,
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { modules: new Map(), problems: [{ file: path, path: '', message }], notices: [] };
  }
}

/** The modules of blackbox_exporter's default file, except those whose prober is not among `probers`. */
export function defaultModules(probers: readonly Prober[]): ReadonlyMap<string, ProbeModule> {
  const name = 'default modules';
  const { modules } = readModules({ name, text: DEFAULT_MODULES, files: configFilesIn('/'), probers });
  const types = new Set(probers.map(({ type }) => type));
  return new Map([...modules].filter(([, { prober }]) => types.has(prober.type)));
}

interface ModulesSource {
  readonly name: string;
  readonly text: string;
  readonly files: ConfigFiles;
  readonly probers: readonly Prober[];
}

/** A prober's settings in blackbox_exporter's file: all that it accepts, and only what can work. */
interface Schemas {
  readonly lenient: z.ZodType<Probe>;
  readonly strict: z.ZodType<Probe>;
}

interface ModulesContext {
  readonly reader: ConfigReader;
  readonly probers: readonly Prober[];
  readonly files: ConfigFiles;
  /** By type, made on first use: most files use few probers. */
  readonly schemas: Map<string, Schemas>;
  readonly notices: ModuleNotice[];
  readonly file: string;
}

function readModules({ name, text, files, probers }: ModulesSource): ModulesResult {
  const document = parseBlackboxYaml(text);
  const reader = new ConfigReader(name, document);
  const context: ModulesContext = { reader, probers, files, schemas: new Map(), notices: [], file: name };
  const modules = new Map<string, ProbeModule>();
  if (document.readable) {
    if (document.root === undefined) reader.report([], 'the file is empty; expected "modules:"');
    reader.section({}, [], { other: ['modules'] });
    reader.section({}, ['modules'], { other: reader.keys(['modules']) });
    for (const key of reader.keys(['modules'])) {
      const module = readModule(context, key);
      if (module !== undefined) modules.set(key, module);
    }
  }
  return { modules, problems: reader.problems(), notices: context.notices };
}

function readModule(context: ModulesContext, name: string): ProbeModule | undefined {
  const { reader, probers } = context;
  const path: Path = ['modules', name];
  const types = probers.map((prober) => prober.type);
  const section = reader.section({ timeout: goDuration.optional() }, path, { other: ['prober', ...types] });
  const chosen = chosenProber(context, path);
  if (chosen === undefined) return undefined;
  const probes = new Map(
    types
      .filter((type) => type === chosen.prober.type || reader.has([...path, type]))
      .map((type) => [type, readProbe(context, [...path, type], type === chosen.prober.type)]),
  );
  const probe = chosen.probe ?? probes.get(chosen.prober.type);
  if (probe === undefined || section.whole === undefined) return undefined;
  const node = reader.node(path);
  // as in blackbox_exporter, a timeout of 0 or less means none
  const timeoutMs = Math.max(0, section.whole.timeout ?? 0) || undefined;
  return { name, prober: chosen.prober, probe, timeoutMs, redacted: () => redactedNode(node) };
}

interface ChosenProber {
  readonly prober: ProbeModule['prober'];
  /** Overrides the probe made from the module's settings. */
  readonly probe?: Probe;
}

/** The prober that a module names; blackbox_exporter reports an unknown prober only when it probes. */
function chosenProber(context: ModulesContext, path: Path): ChosenProber | undefined {
  const { reader, probers } = context;
  const at = [...path, 'prober'];
  const node = reader.has(at) ? reader.node(at) : undefined;
  if (node !== undefined && node.kind !== 'scalar') {
    reader.report(at, `expected the name of a prober, such as http`);
    return undefined;
  }
  const given = node === undefined ? '' : String(node.value);
  const types = probers.map((prober) => prober.type);
  const prober = probers.find(({ type }) => type === given);
  if (prober !== undefined) return { prober };
  const message =
    given === ''
      ? `missing prober; add one of these, such as "prober: http": ${types.join(', ')}`
      : `unknown prober "${given}"; ${suggest(given, types, 'probers')}`;
  addNotice(context, node === undefined ? path : at, { message, alwaysFails: true });
  return {
    prober: { type: given, target: (address) => ({ label: address, host: '' }) },
    probe: neverRun(message),
  };
}

function addNotice(
  { notices, reader, file }: ModulesContext,
  at: Path,
  notice: Pick<ModuleNotice, 'message' | 'alwaysFails'>,
): void {
  notices.push({ file, ...reader.locationOf(at), ...notice });
}

function schemasOf({ probers, files, schemas }: ModulesContext, type: string): Schemas | undefined {
  const known = schemas.get(type);
  const prober = probers.find((one) => one.type === type);
  if (known !== undefined || prober === undefined) return known;
  const dialect = 'blackbox';
  const made = {
    lenient: prober.schema({ ...files, dialect, lenient: true }),
    strict: prober.schema({ ...files, dialect }),
  };
  schemas.set(type, made);
  return made;
}

/**
 * A prober with its settings, as blackbox_exporter reads them. What it loads although it cannot work is a notice, and
 * each run of the module fails.
 * @param used whether the module uses this prober; blackbox_exporter also reads the sections of other probers
 */
function readProbe(context: ModulesContext, path: Path, used: boolean): Probe | undefined {
  const { reader } = context;
  const schema = schemasOf(context, String(path.at(-1)));
  if (schema === undefined) return undefined;
  const reasons: string[] = [];
  const unsupported = (at: Path, message: string): void => {
    reasons.push(message);
    if (used) addNotice(context, at, { message, alwaysFails: true });
  };
  const read = reader.value(schema.lenient, path, { empty: {}, unsupported })?.value;
  const [reason] = reasons;
  if (reason !== undefined) return neverRun(reason);
  const missing = read?.missing?.();
  if (missing !== undefined && reader.has(path)) reader.report(path, missing);
  if (read === undefined || !used) return read;
  if (missing !== undefined) {
    addNotice(context, path, { message: missing, alwaysFails: true });
    return neverRun(missing);
  }
  const remarks = reader.problemsOf(schema.strict, path, { empty: {} });
  for (const { path: at, message, unsupported: alwaysFails = false } of remarks)
    addNotice(context, at, { message, alwaysFails });
  const hopeless = remarks.find((one) => one.unsupported === true)?.message;
  return hopeless === undefined ? read : alwaysFailing(read, hopeless);
}

/** A probe that fails without doing anything. */
function neverRun(message: string): Probe {
  const verdict = failure('config', message);
  return { settings: {}, probe: () => Promise.resolve({ verdict, samples: [] }) };
}

/** A probe that runs, so that it exposes blackbox_exporter's families, and always fails. */
function alwaysFailing(probe: Probe, message: string): Probe {
  const { withHostname } = probe;
  return {
    ...probe,
    probe: async (target, run) => {
      const outcome = await probe.probe(target, run);
      return outcome.verdict.status === 'unknown'
        ? outcome
        : { ...outcome, verdict: failure('config', message) };
    },
    ...(withHostname !== undefined && {
      withHostname: (hostname) => {
        const changed = withHostname(hostname);
        return 'problem' in changed ? changed : alwaysFailing(changed, message);
      },
    }),
  };
}
