import { z } from 'zod';
import type { Target } from '../../../domain/service.ts';
import type { Prober } from '../../../probes/prober.ts';
import { readText } from '../../config-files.ts';
import { deepFreeze } from '../../freeze.ts';
import { labelNameProblem } from './labels.ts';
import type { Path } from '../../yaml/path.ts';
import { formatPath } from '../../yaml/path.ts';
import { ConfigReader } from '../../reading/reader.ts';
import type { ConfigProblem } from '../../reading/problem.ts';
import { parseBlackboxYaml } from '../../yaml/yaml.ts';

/** A file of targets that may change at any time. */
export interface TargetsFile {
  /** Absolute path. */
  readonly path: string;
  /** Parses its content: all targets, or all problems. */
  readonly parse: (text: string) => TargetsFileResult;
}

export type TargetsFileResult =
  | {
      readonly ok: true;
      readonly targets: readonly Target[];
      /** Labels that were left out. */
      readonly notices: readonly ConfigProblem[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** The context in which a targets file is parsed. */
export interface TargetsFileOptions {
  /** Its absolute path. */
  readonly path: string;
  readonly prober: Prober;
  /** Names of labels that it may not set. */
  readonly builtIn: ReadonlySet<string>;
}

const group = {
  targets: z.array(z.string().min(1)),
  labels: z.record(z.string(), z.string()).prefault({}),
};

/** A service's targets file: Prometheus's file_sd format, JSON or YAML. */
export function targetsFile(options: TargetsFileOptions): TargetsFile {
  return { path: options.path, parse: (text) => parseTargets(text, options) };
}

/** Reads a targets file as it is now; a file that cannot be read is a problem like any other. */
export function readTargetsFile({ path, parse }: TargetsFile): TargetsFileResult {
  try {
    return parse(readText(path));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, problems: [{ file: path, path: '', message }] };
  }
}

/**
 * The targets of a list of `{ targets: [address, …], labels: { name: value } }`: all of them, or all problems.
 * @see https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
 */
function parseTargets(text: string, options: TargetsFileOptions): TargetsFileResult {
  // Prometheus reads both formats with Go's YAML, of which JSON is a subset
  const document = parseBlackboxYaml(text);
  const reader = new ConfigReader(options.path, document);
  if (!document.readable) return { ok: false, problems: reader.problems() };
  const notices: ConfigProblem[] = [];
  const targets = readGroups({ reader, notices, options });
  const problems: readonly ConfigProblem[] = reader.problems();
  return problems.length > 0 ? { ok: false, problems } : { ok: true, targets: deepFreeze(targets), notices };
}

interface Reading {
  readonly reader: ConfigReader;
  readonly notices: ConfigProblem[];
  readonly options: TargetsFileOptions;
}

function readGroups({ reader, notices, options }: Reading): readonly Target[] {
  // an empty file is being written, or was cut off
  if (!reader.has([])) reader.report([], 'is empty; expected a list of groups, or [] for no targets');
  const seen = new Map<string, Path>();
  return reader.items([]).flatMap((path) => {
    const { whole } = reader.section(group, path);
    if (whole === undefined) return [];
    const kept = keptLabels({ reader, notices, options }, [...path, 'labels']);
    const labels = Object.fromEntries(
      Object.entries(whole.labels).filter(([name, value]) => value !== '' && kept.has(name)),
    );
    return whole.targets.flatMap((address, index): readonly Target[] => {
      const at = [...path, 'targets', index];
      const parts = options.prober.target(address);
      if ('problem' in parts) {
        reader.report(at, parts.problem);
        return [];
      }
      checkUnique(reader, parts.label, at, seen);
      return [{ address, label: parts.label, host: parts.host, labels }];
    });
  });
}

/** Labels for Prometheus (`job`, `__param_module`) are left out: one file can serve both. */
function keptLabels({ reader, notices, options }: Reading, path: Path): ReadonlySet<string> {
  const kept = new Set<string>();
  for (const name of reader.keys(path)) {
    if (labelNameProblem(name, options.builtIn) === undefined) kept.add(name);
    else
      notices.push({
        file: options.path,
        ...reader.locationOf([...path, name], 'key'),
        message: `the label "${name}" is left out: it is reserved for Prometheus or Tocsin`,
      });
  }
  return kept;
}

function checkUnique(reader: ConfigReader, label: string, path: Path, seen: Map<string, Path>): void {
  const first = seen.get(label);
  if (first === undefined) seen.set(label, path);
  else reader.report(path, `same label "${label}" as ${formatPath(first)}; remove one of them`);
}
