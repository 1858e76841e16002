import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Gauge, Registry } from 'prom-client';
import { families, labelsOf, newValue, writers } from './workload.mjs';

const compress = promisify(gzip);

/** prom-client as it is commonly used: gauges, `metrics()`, and gzip of its text at the same level as Tocsin's. */
export function createPromClient(series) {
  const registry = new Registry();
  const gauges = families.map((family, i) => {
    const { name, help } = family;
    const labelNames = Object.keys(labelsOf(0, i));
    return { family, gauge: new Gauge({ name, help, labelNames, registers: [registry] }) };
  });
  const all = Array.from({ length: writers(series) }, (_, writer) =>
    gauges.map(({ family, gauge }, i) => ({ family, gauge, labels: labelsOf(writer, i) })),
  ).flat();
  for (const { family, gauge, labels } of all) gauge.set(labels, newValue(family));
  return {
    change(share) {
      for (const { family, gauge, labels } of all)
        if (Math.random() < share) gauge.set(labels, newValue(family));
    },
    async scrape(_format, compressed) {
      const text = Buffer.from(await registry.metrics());
      return compressed ? (await compress(text, { level: 1 })).length : text.length;
    },
  };
}
