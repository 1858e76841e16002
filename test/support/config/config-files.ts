import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadConfig } from '../../../src/config/load.ts';
import type { LoadOptions } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/reading/format-problems.ts';
import type { Config, ConfigResult } from '../../../src/config/types.ts';
import { fakeProbers } from '../probes/fake-probers.ts';
import { generatedSchemaCheck } from './json-schema.ts';

const COLLECTORS = ['cpu', 'loadavg', 'filesystem'];

/** A temporary folder for configuration files, deleted by `remove`. */
export class ConfigFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'tocsin-config-'));

  write(name: string, content: string | Uint8Array): string {
    const file = join(this.path, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  /** Loads `text` as the folder's `tocsin.yml`. The JSON Schema must allow whatever can be loaded. */
  load(text: string, options: Partial<LoadOptions> = {}): ConfigResult {
    this.write('tocsin.yml', text);
    const result = this.loadFile(options);
    const { probers = fakeProbers, collectors = COLLECTORS } = options;
    const refused = result.ok ? generatedSchemaCheck(probers, collectors)(text) : [];
    if (refused.length > 0)
      throw new Error(`the JSON Schema refuses a valid file: ${refused.join('\n')}\n${text}`);
    return result;
  }

  loadFile(options: Partial<LoadOptions> = {}): ConfigResult {
    return loadConfig({
      cwd: this.path,
      env: {},
      hostname: 'monitor-1',
      probers: fakeProbers,
      collectors: COLLECTORS,
      ...options,
    });
  }

  /** Loads a configuration that must be valid. */
  config(text: string, options: Partial<LoadOptions> = {}): Config {
    const result = this.load(text, options);
    if (result.ok) return result.config;
    throw new Error(result.problems.map(formatProblem).join('\n'));
  }

  /** Loads a configuration that must be invalid: its problems as lines, without the path of the folder. */
  problems(text: string, options: Partial<LoadOptions> = {}): readonly string[] {
    return lines(this.load(text, options)).map((line) => line.replaceAll(`${this.path}/`, ''));
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}

/** The problems of a result, one line each; none when it is valid. */
export function lines(result: ConfigResult): readonly string[] {
  return result.ok ? [] : result.problems.map(formatProblem);
}
