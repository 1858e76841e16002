import type { Registry } from 'prom-client';
import { sample, type Family, type FamilyType, type Labels, type Sample } from './family.ts';

interface RegistryValue {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
  /** Of a line of a histogram: with `_bucket`, `_sum` or `_count`. */
  readonly metricName?: string;
}

/** The families of prom-client's registry. */
export function registryFamilies(registry: Registry): Family[] {
  return registry.getMetricsAsArray().map((metric) => {
    const { name, help } = metric;
    return { name, help, type: familyType(String(metric.type)), labels: labelNames(metric) };
  });
}

/** The current values. */
export async function registrySamples(registry: Registry, families: readonly Family[]): Promise<Sample[]> {
  const byName = new Map(families.map((family) => [family.name, family]));
  const metrics = await registry.getMetricsAsJSON();
  return metrics.flatMap(({ name, values }) => {
    const family = byName.get(name);
    if (family === undefined) return [];
    const given: readonly RegistryValue[] = values;
    return family.type === 'histogram'
      ? histogramSamples(family, given)
      : given.map(({ value, labels }) => sample(family, value, labelsOf(labels)));
  });
}

interface Draft {
  readonly labels: Labels;
  readonly bounds: number[];
  readonly counts: number[];
  sum: number;
}

/** prom-client returns one value for each line, those of a series in the order of its lines. */
function histogramSamples(family: Family, values: readonly RegistryValue[]): Sample[] {
  const drafts = new Map<string, Draft>();
  for (const { value, labels, metricName } of values) {
    const { le, ...own } = labels;
    const key = JSON.stringify(Object.entries(own).sort());
    const draft = drafts.get(key) ?? { labels: labelsOf(own), bounds: [], counts: [], sum: 0 };
    drafts.set(key, draft);
    if (metricName === `${family.name}_sum`) draft.sum = value;
    if (metricName !== `${family.name}_bucket`) continue;
    if (le !== '+Inf') draft.bounds.push(Number(le));
    draft.counts.push(value);
  }
  return [...drafts.values()].map(({ labels, bounds, counts, sum }) =>
    sample(family, { bounds, counts, sum }, labels),
  );
}

function labelsOf(labels: RegistryValue['labels']): Labels {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]));
}

function familyType(type: string): FamilyType {
  if (type === 'counter' || type === 'gauge' || type === 'histogram') return type;
  throw new Error(`a metric of type ${type} cannot be exposed; use a counter, a gauge or a histogram`);
}

function labelNames(metric: object): readonly string[] {
  if (!('labelNames' in metric) || !Array.isArray(metric.labelNames)) return [];
  return metric.labelNames.filter((name): name is string => typeof name === 'string');
}
