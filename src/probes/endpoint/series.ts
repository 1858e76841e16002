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
 * A run as blackbox_exporter would show it: its verdict, what it measured under blackbox_exporter's names, and what
 * blackbox_exporter shows (0, -1) of what it did not.
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

/** Gauges in Prometheus's text format 0.0.4, families and series in the order of their names. */
export function samplesText(samples: readonly Sample[]): string {
  const families = new Map<string, { family: Family; lines: string[] }>();
  for (const { family, labels, value } of samples) {
    const known = families.get(family.name) ?? { family, lines: [] };
    families.set(family.name, known);
    if (typeof value === 'number') known.lines.push(`${family.name}${labelText(labels)} ${valueText(value)}`);
  }
  return [...families.values()]
    .sort((a, b) => (a.family.name < b.family.name ? -1 : 1))
    .map(({ family: { name, type, help }, lines }) => {
      const head = `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}\n# TYPE ${name} ${type}\n`;
      return `${head}${lines.sort().join('\n')}\n`;
    })
    .join('');
}

function labelText(labels: Labels): string {
  const pairs = Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escaped(labels[name] ?? '')}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function valueText(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
