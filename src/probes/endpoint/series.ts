import type { Family, Labels, Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { DNS_LOOKUP_TIME, IP_ADDR_HASH, IP_PROTOCOL } from '../families.ts';
import type { Probe, RunResult } from '../prober.ts';

const SUCCESS: Family = {
  name: 'probe_success',
  type: 'gauge',
  help: 'Displays whether or not the probe was a success',
  labels: [],
};

/**
 * A run as blackbox_exporter exposes it: its verdict, what it measured under blackbox_exporter's names, and
 * blackbox_exporter's values (0, -1) for what it did not measure.
 */
export function blackboxSamples({ samples, verdict }: RunResult, probe: Probe): readonly Sample[] {
  const measured = samples.filter(({ family }) => !family.name.startsWith('tocsin_'));
  const looked = measured.some(({ family }) => family.name === DNS_LOOKUP_TIME.name);
  const unmeasured = [
    ...(looked ? [sample(IP_PROTOCOL, 0), sample(IP_ADDR_HASH, 0)] : []),
    ...(probe.unmeasured?.(measured) ?? []),
  ];
  return [
    sample(SUCCESS, verdict.status === 'success' ? 1 : 0),
    ...measured,
    ...unmeasured.filter((one) => !measured.some((other) => isSameSeries(one, other))),
  ];
}

function isSameSeries(one: Sample, other: Sample): boolean {
  return one.family.name === other.family.name && labelText(one.labels) === labelText(other.labels);
}

/** Gauges in Prometheus's text format 0.0.4, families and series sorted by name. */
export function samplesText(samples: readonly Sample[]): string {
  const lines = samples.map(({ family, labels, value }) => ({ family, labels: labelText(labels), value }));
  lines.sort((a, b) => order(a.family.name, b.family.name) || order(a.labels, b.labels));
  let text = '';
  let name = '';
  for (const { family, labels, value } of lines) {
    if (family.name !== name) text += head(family);
    name = family.name;
    if (typeof value === 'number') text += `${name}${labels} ${valueText(value)}\n`;
  }
  return text;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function head({ name, type, help }: Sample['family']): string {
  return `# HELP ${name} ${/[\\\n]/.test(help) ? help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n') : help}\n# TYPE ${name} ${type}\n`;
}

function labelText(labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return '';
  if (names.length > 1) names.sort();
  return `{${names.map((name) => `${name}="${escaped(labels[name] ?? '')}"`).join(',')}}`;
}

function escaped(text: string): string {
  if (!/[\\"\n]/.test(text)) return text;
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
