import { loadConfig } from '../config/load.ts';
import { formatProblems } from '../config/report.ts';
import type { Config, ConfigResult } from '../config/types.ts';
import { collectors } from '../host/registry.ts';
import { probers } from '../probes/registry.ts';

/** Where a configuration is read from. */
export interface ConfigurationSource {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** The file; undefined: `./tocsin.yml` where it stands, else the defaults. */
  readonly file?: string | undefined;
  /** HOST:PORT instead of `server.listen`. */
  readonly listen?: string | undefined;
}

/** Reads a configuration with every prober and collector that there is. */
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

/** The configuration, or all that is wrong with it as text: one line for each problem, and their number. */
export function configurationOrProblems(result: ConfigResult): Config | string {
  return result.ok ? result.config : `${formatProblems(result.problems)}\n`;
}
