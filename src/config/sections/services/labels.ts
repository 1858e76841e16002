import type { Prober } from '../../../probes/prober.ts';

/** Label names with a meaning for Prometheus, Alertmanager or the shipped rules. */
const RESERVED_LABELS: readonly string[] = [
  'job',
  'instance',
  'alertname',
  'severity',
  'le',
  'quantile',
  'acknowledged',
  'escalation',
  'severity_class',
  'episode_alertname',
  'episode_instance',
];

/** Labels that Tocsin itself adds to the series of a check, whatever its prober. */
const CHECK_LABELS: readonly string[] = [
  'service',
  'target',
  'prober',
  'group',
  'critical',
  'state',
  'result',
  'reason',
  'phase',
];

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** All label names that a service may not use: the reserved ones and those of every prober's families. */
export function builtInLabels(probers: readonly Prober[]): ReadonlySet<string> {
  const ofProbers = probers.flatMap((prober) => prober.families.flatMap((family) => family.labels));
  return new Set([...RESERVED_LABELS, ...CHECK_LABELS, ...ofProbers]);
}

/** The problem with the name of a service's own label; undefined when it is valid. */
export function labelNameProblem(name: string, builtIn: ReadonlySet<string>): string | undefined {
  if (name.startsWith('__'))
    return `the label "${name}" is not allowed: names that begin with __ belong to Prometheus`;
  if (!LABEL_NAME.test(name)) {
    return `"${name}" is not a label name; expected letters, digits and _, not beginning with a digit`;
  }
  if (builtIn.has(name)) return `the label "${name}" is reserved; choose another name`;
  return undefined;
}
