import { describe, expect, it } from '@jest/globals';
import { failure, SUCCESS, unknown, type Verdict } from '../../src/domain/result.ts';
import type { Service } from '../../src/domain/service.ts';
import { SeriesTable } from '../../src/exposition/table/series-table.ts';
import { renderText } from '../support/render-text.ts';
import { CheckMetrics, ClusterMetrics, type MeasuredResult } from '../../src/metrics/check-metrics.ts';
import type { Family } from '../../src/metrics/family.ts';

const target = { address: 'http://a/', label: 'http://a/', host: 'a' };
const service: Service = {
  name: 'web',
  critical: true,
  priority: 1,
  intervalMs: 30_000,
  timeoutMs: 10_000,
  labels: { team: 'ai' },
  prober: 'http',
  group: 'llm',
  targets: [target],
  confirm: { failures: 1, successes: 1, retryIntervalMs: 1 },
  adaptive: {},
};
const duration: Family = { name: 'probe_duration_seconds', type: 'gauge', help: 'h', labels: [] };

/** The value of every series, by its text without the labels of the check. */
function values(table: SeriesTable): Map<string, number> {
  const all = new Map<string, number>();
  for (const line of renderText(table.snapshot()).trim().split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, series = '', value = ''] = /^(.*) (\S+)$/.exec(line) ?? [];
    const name = series
      .replace(/(group="llm"|prober="http"|service="web"|target="http:\/\/a\/"|team="ai"),?/g, '')
      .replace(/,\}/, '}')
      .replace('{}', '');
    all.set(name, Number(value));
  }
  return all;
}

const run = (verdict: Verdict, at: number): MeasuredResult => ({
  verdict,
  startedAt: at * 1_000,
  durationSeconds: 0.2,
  details: {},
  samples: [{ family: duration, labels: {}, value: 0.2 }],
});

const DOWN = failure('status', 'HTTP status 503');

describe('the metrics of a check', () => {
  it('exist before the first run: info, states, run counters from 0', () => {
    const table = new SeriesTable();
    new CheckMetrics(table, service, target, () => true);
    const series = values(table);
    expect(series.get('tocsin_check_info{critical="true"}')).toBe(1);
    expect(series.get('tocsin_check_state{state="unknown"}')).toBe(1);
    expect(series.get('tocsin_check_state{state="healthy"}')).toBe(0);
    for (const result of ['success', 'failure', 'unknown']) {
      expect(series.get(`tocsin_probe_runs_total{result="${result}"}`)).toBe(0);
    }
    expect(series.has('probe_success')).toBe(false);
    expect(series.has('tocsin_probe_last_run_timestamp_seconds')).toBe(false);
  });

  it('count failures by reason, created when first needed', () => {
    const table = new SeriesTable();
    const metrics = new CheckMetrics(table, service, target, () => true);
    expect([...values(table).keys()].some((name) => name.startsWith('tocsin_probe_failures_total'))).toBe(
      false,
    );
    metrics.record(run(DOWN, 10), 30_000);
    metrics.record(run(DOWN, 20), 30_000);
    metrics.record(run(unknown('agent_error', 'x'), 30), 30_000);
    const series = values(table);
    expect(series.get('tocsin_probe_failures_total{reason="status"}')).toBe(2);
    expect(series.get('tocsin_probe_unknown_total{reason="agent_error"}')).toBe(1);
  });

  it('have the last run of each duration bucket as exemplar', () => {
    const table = new SeriesTable();
    const metrics = new CheckMetrics(table, service, target, () => true);
    metrics.record({ ...run(SUCCESS, 10), runId: 'a1' }, 30_000);
    metrics.record({ ...run(SUCCESS, 20), runId: 'b2' }, 30_000);
    metrics.record(run(SUCCESS, 30), 30_000);
    const text = renderText(table.snapshot(), { openMetrics: true, escaping: 'underscores' });
    expect(text.match(/.* # \{.*/g)).toEqual([
      expect.stringMatching(/_bucket\{.*,le="0\.25"\} 3 # \{run_id="b2"\} 0\.2 20\.2$/),
    ]);
  });

  it('keep the last run when a run ends unknown', () => {
    const table = new SeriesTable();
    const metrics = new CheckMetrics(table, service, target, () => true);
    metrics.record(run(SUCCESS, 10), 30_000);
    metrics.record(run(unknown('agent_error', 'x'), 20), 30_000);
    const series = values(table);
    expect(series.get('probe_success')).toBe(1);
    expect(series.get('probe_duration_seconds')).toBe(0.2);
    expect(series.get('tocsin_probe_last_run_timestamp_seconds')).toBe(10);
  });

  it('count time by the raw result, and unknown time in neither', () => {
    const table = new SeriesTable();
    const metrics = new CheckMetrics(table, service, target, () => true);
    metrics.record(run(SUCCESS, 0), 30_000);
    metrics.record(run(DOWN, 30), 30_000);
    metrics.record(run(DOWN, 35), 30_000);
    metrics.record(run(SUCCESS, 45), 30_000);
    metrics.record(run(unknown('agent_error', 'x'), 75), 30_000);
    metrics.record(run(SUCCESS, 105), 30_000);
    metrics.record(run(SUCCESS, 135), 30_000);
    const series = values(table);
    expect(series.get('tocsin_check_failing_seconds_total')).toBe(30);
    expect(series.get('tocsin_check_observed_seconds_total')).toBe(30 + 30 + 15 + 30);
  });

  it('drop per-run values when they are too old, and keep the counters', () => {
    const table = new SeriesTable();
    const metrics = new CheckMetrics(table, service, target, () => true);
    metrics.record(run(SUCCESS, 0), 30_000);
    metrics.expire();
    metrics.record(run(unknown('agent_error', 'x'), 500), 30_000);
    const series = values(table);
    expect(series.has('probe_success')).toBe(false);
    expect(series.has('probe_duration_seconds')).toBe(false);
    expect(series.get('tocsin_probe_runs_total{result="success"}')).toBe(1);
    expect(series.get('tocsin_check_observed_seconds_total')).toBe(0);
  });

  it('vanish completely when the check is removed', () => {
    const table = new SeriesTable();
    const metrics = new CheckMetrics(table, service, target, () => true);
    metrics.record(run(DOWN, 0), 30_000);
    metrics.remove();
    expect(values(table).size).toBe(0);
  });
});

describe('the metrics of the cluster', () => {
  it('expose one state of three, and the ratio', () => {
    const table = new SeriesTable();
    new ClusterMetrics(table).set('degraded', 0.75);
    expect(Object.fromEntries(values(table))).toEqual({
      'tocsin_cluster_state{state="healthy"}': 0,
      'tocsin_cluster_state{state="degraded"}': 1,
      'tocsin_cluster_state{state="unhealthy"}': 0,
      tocsin_cluster_health_ratio: 0.75,
    });
  });
});
