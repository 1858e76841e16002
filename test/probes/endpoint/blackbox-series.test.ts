import { describe, expect, it } from '@jest/globals';
import { failure, SUCCESS } from '../../../src/domain/result.ts';
import { sample, type Family } from '../../../src/metrics/family.ts';
import { blackboxSamples } from '../../../src/probes/endpoint/blackbox-series.ts';
import type { Probe, RunResult } from '../../../src/probes/prober.ts';

const gauge = (name: string, labels: readonly string[] = []): Family => ({
  name,
  type: 'gauge',
  help: 'a \\ and\na line',
  labels,
});
const result = (samples: RunResult['samples'], success = true): RunResult => ({
  verdict: success ? SUCCESS : failure('status', 'no'),
  startedAt: 0,
  durationSeconds: 1,
  details: {},
  samples,
  phases: {},
  log: [],
});
const probe = (unmeasured: NonNullable<Probe['unmeasured']> = () => []): Probe => ({
  settings: {},
  probe: () => Promise.reject(new Error('not run')),
  unmeasured,
});

describe('the samples of /probe', () => {
  it('are the measured ones, and the defaults of blackbox_exporter for the rest', () => {
    const [a, b] = [gauge('probe_a'), gauge('probe_b', ['phase'])];
    const samples = blackboxSamples(
      result([sample(a, 5), sample(b, 1, { phase: 'x' })], false),
      probe(() => [sample(a, 0), sample(b, 0, { phase: 'x' }), sample(b, 0, { phase: 'y' })]),
    );
    expect(samples.map(({ family, labels, value }) => [family.name, labels, value])).toEqual([
      ['probe_success', {}, 0],
      ['probe_a', {}, 5],
      ['probe_b', { phase: 'x' }, 1],
      ['probe_b', { phase: 'y' }, 0],
    ]);
  });

  it("leave out Tocsin's own families", () => {
    const samples = blackboxSamples(result([sample(gauge('tocsin_probe_phase'), 1)]), probe());
    expect(samples.map(({ family }) => family.name)).toEqual(['probe_success']);
  });

  it('have 0 for the address of a name that did not resolve', () => {
    const samples = blackboxSamples(result([sample(gauge('probe_dns_lookup_time_seconds'), 0.1)]), probe());
    expect(samples.map(({ family, value }) => `${family.name} ${Number(value)}`)).toEqual([
      'probe_success 1',
      'probe_dns_lookup_time_seconds 0.1',
      'probe_ip_protocol 0',
      'probe_ip_addr_hash 0',
    ]);
  });
});
