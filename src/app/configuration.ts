import { loadConfig } from '../config/load.ts';
import { formatProblem, formatProblems } from '../config/reading/format-problems.ts';
import { readTargetsFile } from '../config/sections/services/targets-file.ts';
import type { Config, ConfigProblem, ConfigResult } from '../config/types.ts';
import { collectors } from '../host/registry.ts';
import { probers } from '../probes/registry.ts';

/** Where a configuration is read from. */
export interface ConfigurationSource {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** The file; undefined: `./tocsin.yml` where it exists, else the defaults. */
  readonly file?: string | undefined;
  /** HOST:PORT instead of `server.listen`. */
  readonly listen?: string | undefined;
}

/** Reads a configuration with all probers and collectors. */
export function readConfiguration(source: ConfigurationSource): ConfigResult {
  const { cwd, env, hostname, file, listen } = source;
  return loadConfig({
    cwd,
    env,
    hostname,
    probers,
    collectors: collectors.map(({ name }) => name),
    ...(file !== undefined && { path: file }),
    ...(listen !== undefined && { listen }),
  });
}

/** The configuration, or its problems as text: one line for each, and their number. */
export function configurationOrProblems(result: ConfigResult): Config | string {
  return result.ok ? result.config : `${formatProblems(result.problems)}\n`;
}

/** Parts that are valid but cannot work, one line each. */
export function noticesText({ probeEndpoint }: Config, ofTargets: readonly ConfigProblem[]): string {
  const ofModules = probeEndpoint.notices.map(
    (notice) => `${formatProblem(notice)}${notice.alwaysFails ? ' (the module always fails)' : ''}`,
  );
  return [...ofModules, ...ofTargets.map(formatProblem)].map((line) => `${line}\n`).join('');
}

/** A configuration with the targets of the files that it names, or the problems of these as well. */
interface WithTargets {
  readonly result: ConfigResult;
  /** What was left out of the files. */
  readonly notices: readonly ConfigProblem[];
}

export function withTargetsFiles(result: ConfigResult): WithTargets {
  const notices: ConfigProblem[] = [];
  if (!result.ok) return { result, notices };
  const problems: ConfigProblem[] = [];
  const services = result.config.services.map((service) => {
    if (service.targetsFile === undefined) return service;
    const read = readTargetsFile(service.targetsFile);
    if (read.ok) {
      notices.push(...read.notices);
      return { ...service, targets: read.targets };
    }
    problems.push(...read.problems);
    return service;
  });
  if (problems.length > 0) return { result: { ok: false, problems }, notices };
  return { result: { ok: true, config: { ...result.config, services } }, notices };
}
