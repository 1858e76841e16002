import { defineFamily, type Sample } from '../../metrics/family.ts';
import { sample } from '../../metrics/family.ts';
import { DNS_LOOKUP_TIME, IP_ADDR_HASH, IP_PROTOCOL } from '../families.ts';
import type { Probe, RunResult } from '../prober.ts';

const SUCCESS = defineFamily('gauge', 'probe_success', 'Displays whether or not the probe was a success');

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
  const names = Object.keys(one.labels);
  return (
    one.family.name === other.family.name &&
    names.length === Object.keys(other.labels).length &&
    names.every((name) => one.labels[name] === other.labels[name])
  );
}
