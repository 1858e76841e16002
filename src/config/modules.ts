import { dirname } from 'node:path';
import type { z } from 'zod';
import { failure } from '../domain/result.ts';
import type { Probe, Prober } from '../probes/prober.ts';
import type { ProbeModule } from '../probes/module.ts';
import type { ConfigFiles } from '../probes/settings.ts';
import { DEFAULT_MODULES } from './default-modules.ts';
import type { Environment } from './expand.ts';
import { filesIn, readText } from './files.ts';
import { suggest } from './nearest.ts';
import type { Path } from './path.ts';
import { Reader } from './reader.ts';
import { shownNode } from './shown.ts';
import type { ConfigProblem } from './types.ts';
import { goDuration } from './values.ts';
import { parseBlackboxYaml } from './yaml.ts';

/** The modules of a file, and what is wrong with it. */
export interface ModulesResult {
  readonly modules: ReadonlyMap<string, ProbeModule>;
  readonly problems: readonly ConfigProblem[];
  /** Modules that stand but cannot be run here, and why: `blackbox.yml:12: modules.x.http.enable_http3: …`. */
  readonly notices: readonly ConfigProblem[];
}

/** Loads blackbox_exporter's own file. @param path absolute */
export function loadModules(path: string, probers: readonly Prober[], env: Environment = {}): ModulesResult {
  try {
    return readModules({ name: path, text: readText(path), files: filesIn(dirname(path), env), probers });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { modules: new Map(), problems: [{ file: path, path: '', message }], notices: [] };
  }
}

/** The modules of blackbox_exporter's own default file, but for those whose prober is not among `probers`. */
export function defaultModules(probers: readonly Prober[]): ReadonlyMap<string, ProbeModule> {
  const name = 'default modules';
  return readModules({ name, text: DEFAULT_MODULES, files: filesIn('/'), probers }).modules;
}

interface ModulesSource {
  readonly name: string;
  readonly text: string;
  readonly files: ConfigFiles;
  readonly probers: readonly Prober[];
}

interface Context {
  readonly reader: Reader;
  readonly probers: readonly Prober[];
  /** Of each type, made once. */
  readonly settings: ReadonlyMap<string, z.ZodType<Probe>>;
  readonly notices: ConfigProblem[];
  readonly file: string;
}

function readModules({ name, text, files, probers }: ModulesSource): ModulesResult {
  const document = parseBlackboxYaml(text);
  const reader = new Reader(name, document);
  const settings = new Map(probers.map((prober) => [prober.type, prober.schema(files)]));
  const context: Context = { reader, probers, settings, notices: [], file: name };
  const modules = new Map<string, ProbeModule>();
  if (document.readable) {
    reader.section({}, [], { other: ['modules'] });
    reader.section({}, ['modules'], { other: reader.keys(['modules']) });
    for (const key of reader.keys(['modules'])) {
      const module = readModule(context, key);
      if (module !== undefined) modules.set(key, module);
    }
  }
  return { modules, problems: reader.problems(), notices: context.notices };
}

function readModule(context: Context, name: string): ProbeModule | undefined {
  const { reader, probers } = context;
  const path: Path = ['modules', name];
  const types = probers.map((prober) => prober.type);
  const section = reader.section({ timeout: goDuration.optional() }, path, { other: ['prober', ...types] });
  const prober = chosenProber(context, path);
  const probes = new Map(
    types
      .filter((type) => type === prober?.type || reader.has([...path, type]))
      .map((type) => [type, readProbe(context, [...path, type], type)]),
  );
  const probe = probes.get(prober?.type ?? '');
  if (prober === undefined || probe === undefined || section.whole === undefined) return undefined;
  const node = reader.node(path);
  // as in blackbox_exporter, a timeout of 0 or less is none
  const timeoutMs = Math.max(0, section.whole.timeout ?? 0) || undefined;
  return { name, prober, probe, timeoutMs, shown: () => shownNode(node) };
}

function chosenProber({ reader, probers }: Context, path: Path): Prober | undefined {
  const node = reader.node([...path, 'prober']);
  const types = probers.map((prober) => prober.type);
  if (node === undefined || !reader.has([...path, 'prober'])) {
    if (reader.node(path)?.kind === 'map')
      reader.report(path, `names no prober; add one of these, such as "prober: http": ${types.join(', ')}`);
    return undefined;
  }
  const given = node.kind === 'scalar' ? String(node.value) : '';
  const prober = probers.find(({ type }) => type === given);
  if (prober === undefined)
    reader.report([...path, 'prober'], `unknown prober "${given}"; ${suggest(given, types, 'probers')}`);
  return prober;
}

/** A prober with its settings; one that fails each run where they ask for what cannot be done here. */
function readProbe(
  { reader, settings, notices, file }: Context,
  path: Path,
  type: string,
): Probe | undefined {
  const schema = settings.get(type);
  if (schema === undefined) return undefined;
  let substitute: Probe | undefined;
  const unsupported = (at: Path, message: string): void => {
    notices.push({ file, ...reader.place(at), message });
    const verdict = failure('config', message);
    substitute = { settings: {}, probe: () => Promise.resolve({ verdict, samples: [] }) };
  };
  const probe = reader.value(schema, path, { empty: {}, unsupported })?.value ?? substitute;
  const missing = probe?.missing?.();
  if (missing !== undefined) reader.report(path, missing);
  return probe;
}
