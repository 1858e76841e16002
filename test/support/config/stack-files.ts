import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { load, YAML11_SCHEMA } from 'js-yaml';
import { z } from 'zod';
import { catalogue } from '../../../src/metrics/catalogue.ts';
import { checkFamilies } from '../../../src/metrics/check-families.ts';
import { createSelfMetrics } from '../../../src/metrics/self/self-metrics.ts';
import { hostFamilies } from '../../../src/host/registry.ts';
import { RUN_FAMILIES } from '../../../src/probes/families.ts';
import { probers } from '../../../src/probes/registry.ts';

export const ROOT = join(import.meta.dirname, '../../..');
/** Where the containers find their secrets. */
export const SECRETS = '/run/stack-secrets';

export function stackFile(...path: string[]): string {
  return join(ROOT, ...path);
}

export function readStackFile(...path: string[]): string {
  return readFileSync(stackFile(...path), 'utf8');
}

/** A YAML file as compose, Prometheus and Alertmanager read it: merge keys and YAML 1.1 booleans. */
export function readYaml<T>(schema: z.ZodType<T>, ...path: string[]): T {
  return schema.parse(load(readStackFile(...path), { schema: YAML11_SCHEMA }));
}

/** The paths (relative to the project) of a folder's files with this ending, sorted. */
export function filesIn(folder: string, ending: string): string[] {
  const names = readdirSync(stackFile(folder)).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => join(folder, name));
}

/** Runs a program to its end; what it printed, stdout and stderr together, and its exit code. */
export function run(
  command: string,
  args: readonly string[],
  input = '',
): { code: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', cwd: ROOT, input });
  if (error !== undefined) throw error;
  return { code: status, output: stdout + stderr };
}

/** Passes `use` a temporary folder and removes it afterwards. */
export function inTemporaryFolder<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-stack-'));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Creates the stack's secrets in a folder, with the program that creates them in the container. */
export function makeSecrets(folder: string): void {
  const { code, output } = run('node', ['scripts/stack-secrets.mjs', '--dir', folder, 'make']);
  if (code !== 0) throw new Error(output);
}

const ruleSchema = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  keep_firing_for: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
});
export type AlertRule = z.infer<typeof ruleSchema>;

const rulesSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(ruleSchema) })),
});

export const ruleFiles = filesIn('prometheus/rules', '.yml');

/** Every shipped alerting rule. */
export function alertRules(): AlertRule[] {
  return ruleFiles.flatMap((file) => readYaml(rulesSchema, file).groups.flatMap(({ rules }) => rules));
}

/** Every sample name that Tocsin may expose. */
export function exposedNames(): ReadonlySet<string> {
  const families = catalogue({
    probers,
    hostFamilies,
    checkFamilies: [...checkFamilies, ...RUN_FAMILIES],
    selfFamilies: createSelfMetrics({ version: '0', node: '0' }).families,
  });
  return new Set(
    families.flatMap(({ name, type }) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
}

/** Metrics of Prometheus, Alertmanager and Node's process metrics. */
const OTHERS = new Set(['up', 'ALERTS', 'alertmanager_notifications_failed_total']);

/** The metric names in an expression that nothing exposes. */
export function unknownMetrics(expr: string, exposed: ReadonlySet<string>): string[] {
  return metricNames(expr).filter((name) => !exposed.has(name) && !OTHERS.has(name));
}

/** The metrics in an expression: words without a parenthesis after them, outside strings, label lists and groupings. */
export function metricNames(expr: string): string[] {
  const bare = expr
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}/g, ' ')
    .replace(/\[[^\]]*\]/g, ' ')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const words = [...bare.matchAll(/(?<![\w.])[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)].map(([word]) => word);
  const keywords = new Set(['and', 'or', 'unless', 'offset', 'bool', 'by', 'on', 'without', 'ignoring']);
  return [...new Set(words.filter((word) => !keywords.has(word)))];
}

/** The alertname that a runbook page is about. */
export function runbookOf(path: string): string {
  return basename(path, '.md');
}
