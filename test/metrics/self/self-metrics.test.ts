import { describe, expect, it } from '@jest/globals';
import { SeriesTable } from '../../../src/exposition/table/series-table.ts';
import { renderText } from '../../support/render-text.ts';
import { EMPTY_TOTALS } from '../../../src/ledger/alert-totals.ts';
import { createSelfMetrics, type SelfMetrics } from '../../../src/metrics/self/self-metrics.ts';
import type { LedgerSummary } from '../../../src/ledger/ledger.ts';
import { parseText, valueOf } from '../../support/exposition/exposition-parser.ts';

const create = () => createSelfMetrics({ version: '1.2.3', node: 'v20.19.0' });

/** What a scrape would return. */
async function render(self: SelfMetrics): Promise<string> {
  const table = new SeriesTable();
  table.declare(self.families);
  await self.collector(table).collect(new AbortController().signal);
  return renderText(table.snapshot());
}

const numbers: LedgerSummary = {
  epoch: 'e1',
  watchdogs: [],
  open: [{ severity: 'critical', acknowledged: false, count: 2 }],
  unacknowledged: [
    { alertname: 'Down', severity: 'critical', service: 'redis', instance: 'a:1', since: 1_700_000_000_500 },
    // a registry that joins names and values with commas would treat these as one
    { alertname: 'a', severity: 'warning', service: 's', instance: 'b,service:c', since: 1_000 },
    { alertname: 'a', severity: 'warning', service: 's,severity_class:x', instance: 'b', since: 2_000 },
  ],
  unacknowledgedOverflow: 3,
  totals: EMPTY_TOTALS,
  transitions: {},
  unreadableRows: { episodes: 2 },
  lastOffset: 41,
  fileBytes: 8_192,
  commits: 7,
  commitSeconds: 0.25,
  failedCommits: 1,
};

describe("Tocsin's own metrics", () => {
  it('are a valid exposition in which every family is declared', async () => {
    const self = create();
    self.ledger(numbers, true);
    const parsed = parseText(await render(self));
    const declared = new Map(self.families.map((family) => [family.name, family]));
    for (const [name, family] of parsed) {
      expect({ name, type: family.type, help: family.help }).toEqual({
        name,
        type: declared.get(name)?.type,
        help: declared.get(name)?.help,
      });
      const labels = new Set(family.samples.flatMap((sample) => Object.keys(sample.labels)));
      labels.delete('le');
      expect(declared.get(name)?.labels).toEqual(expect.arrayContaining([...labels]));
    }
    expect([...parsed.keys()]).toEqual([...parsed.keys()].sort());
    expect(parsed.has('process_cpu_seconds_total')).toBe(true);
    expect(parsed.has('nodejs_heap_size_used_bytes')).toBe(true);
  });

  it('expose watchdogs, requests to Alertmanagers and escalation, and drop what is no longer configured', async () => {
    const self = create();
    self.pipeline.configure([{ name: 'am-0' }]);
    self.pipeline.escalation({ critical: [300_000, 900_000], warning: [] }, [
      { name: 'api', escalation: { critical: [60_000], info: [] } },
      { name: 'cache', escalation: {} },
    ]);
    self.pipeline.watchdogs([
      { name: 'a', lastSeenAt: 5_000, fresh: true },
      { name: 'b', lastSeenAt: undefined, fresh: false },
      { name: 'c', lastSeenAt: undefined, fresh: undefined },
    ]);
    self.pipeline.alertmanagerAnswered('am-0', 7_000);
    self.pipeline.reconciled(
      'main',
      { orphaned: 2, missing: 0 },
      { reopened: 0, expired: 1, confirmed: 0, refuted: 0 },
    );
    const text = await render(self);
    for (const line of [
      'tocsin_watchdog_last_seen_timestamp_seconds{watchdog="a"} 5',
      'tocsin_watchdog_fresh{watchdog="a"} 1',
      'tocsin_watchdog_fresh{watchdog="b"} 0',
      'tocsin_escalation_after_seconds{escalation="3",severity_class="critical"} 900',
      'tocsin_escalation_after_seconds{escalation="2",service="api",severity_class="critical"} 60',
      // a level that a service does not have must not come from the general ones
      'tocsin_escalation_after_seconds{escalation="3",service="api",severity_class="critical"} +Inf',
      'tocsin_escalation_after_seconds{escalation="2",service="api",severity_class="info"} +Inf',
      'tocsin_reconciliation_drift{kind="orphaned",webhook="main"} 2',
      'tocsin_reconciliation_failures_total{alertmanager="am-0"} 0',
      'tocsin_reconciliation_last_success_timestamp_seconds{alertmanager="am-0"} 7',
      'tocsin_reconciliation_repairs_total{repair="expired"} 1',
    ])
      expect(text).toContain(line);
    expect(text).not.toMatch(
      /watchdog="c"|tocsin_ping_last_success_timestamp_seconds \d|severity_class="warning"|service="cache"/,
    );
    self.pipeline.configure([]);
    self.pipeline.escalation({}, []);
    self.pipeline.watchdogs([]);
    expect(await render(self)).not.toMatch(/watchdog="|tocsin_escalation_after_seconds\{|drift\{/);
  });

  it('count possible events from 0, and leave out unknown values', async () => {
    const text = await render(create());
    for (const outcome of ['served', 'aborted', 'limited', 'overloaded', 'failed']) {
      expect(valueOf(text, 'tocsin_scrapes_total', { outcome })).toBe(0);
    }
    expect(valueOf(text, 'tocsin_log_messages_total', { level: 'error' })).toBe(0);
    expect(valueOf(text, 'tocsin_build_info', { version: '1.2.3', node_version: 'v20.19.0' })).toBe(1);
    expect(text).not.toMatch(/tocsin_ledger_|tocsin_config_|tocsin_alerts_active/);
  });

  it('expose what happened', async () => {
    const self = create();
    self.scrapes.inc('aborted');
    self.scrapes.rendered(0.002);
    self.scrapes.inFlight(3);
    self.scrapes.coalesced();
    self.http.observe({ method: 'GET', route: '/health', status: 200, seconds: 0.06 });
    self.config.loaded(true, 5_000);
    self.config.loaded(false, 9_000);
    self.schedule.late(-0.001);
    self.schedule.skipped(2);
    self.webhooks.declare('main');
    self.webhooks.delivery('main', 'partial');
    self.webhooks.alerts('main', 'accepted', 12);
    self.alerts.transitions({ fired: 2 });
    self.alerts.lag(-4);
    self.logged('warn');
    self.seriesDropped('up');
    const text = await render(self);
    const expected: [string, Record<string, string>, number][] = [
      ['tocsin_scrapes_total', { outcome: 'aborted' }, 1],
      ['tocsin_scrape_render_seconds_bucket', { le: '0.0025' }, 1],
      ['tocsin_scrapes_in_flight', {}, 3],
      ['tocsin_scrapes_coalesced_total', {}, 1],
      [
        'http_server_request_duration_seconds_bucket',
        { http_route: '/health', http_response_status_code: '200', le: '0.075' },
        1,
      ],
      ['tocsin_config_last_reload_successful', {}, 0],
      ['tocsin_config_last_reload_success_timestamp_seconds', {}, 5],
      ['tocsin_schedule_lateness_seconds_bucket', { le: '0.001' }, 1],
      ['tocsin_schedule_shed_total', {}, 2],
      ['tocsin_webhook_deliveries_total', { webhook: 'main', outcome: 'partial' }, 1],
      ['tocsin_webhook_deliveries_total', { webhook: 'main', outcome: 'unavailable' }, 0],
      ['tocsin_webhook_alerts_total', { webhook: 'main', outcome: 'accepted' }, 12],
      ['tocsin_alert_transitions_total', { transition: 'fired' }, 2],
      ['tocsin_alert_delivery_lag_seconds_sum', {}, 0],
      ['tocsin_log_messages_total', { level: 'warn' }, 1],
      ['tocsin_series_dropped_total', { family: 'up' }, 1],
    ];
    for (const [name, labels, value] of expected)
      expect([name, valueOf(text, name, labels)]).toEqual([name, value]);
  });

  it('expose the ledger and the alerts in it, series by series', async () => {
    const self = create();
    self.ledger(numbers, true);
    self.ledger({ ...numbers, commits: 8, unacknowledgedOverflow: 5 }, false);
    const text = await render(self);
    expect(valueOf(text, 'tocsin_ledger_commits_total')).toBe(8);
    expect(valueOf(text, 'tocsin_ledger_writable')).toBe(0);
    expect(valueOf(text, 'tocsin_ledger_last_event_offset')).toBe(41);
    expect(valueOf(text, 'tocsin_alerts_active', { severity: 'critical', acknowledged: 'false' })).toBe(2);
    expect(valueOf(text, 'tocsin_alerts_active', { severity: 'info', acknowledged: 'true' })).toBe(0);
    const since = parseText(text).get('tocsin_alert_unacknowledged_since_timestamp_seconds')?.samples;
    expect(since?.map((sample) => sample.value).sort()).toEqual([1, 1_700_000_000.5, 2]);
    const dropped = { family: 'tocsin_alert_unacknowledged_since_timestamp_seconds' };
    expect(valueOf(text, 'tocsin_series_dropped_total', dropped)).toBe(5);
    self.ledger({ ...numbers, open: [], unacknowledged: [] }, true);
    expect(await render(self)).not.toContain('unacknowledged_since_timestamp_seconds{');
  });

  it('are added to a table as one collector, which first updates values that are only read for a scrape', async () => {
    const self = create();
    const table = new SeriesTable();
    const collector = self.collector(table, () => self.ledger(numbers, true));
    await collector.collect(new AbortController().signal);
    const text = renderText(table.snapshot(new Set([collector.name])));
    expect(valueOf(text, 'tocsin_ledger_commits_total')).toBe(7);
    self.scrapes.inc('served');
    await collector.collect(new AbortController().signal);
    expect(valueOf(renderText(table.snapshot()), 'tocsin_scrapes_total', { outcome: 'served' })).toBe(1);
  });

  it('keep no state between two instances', async () => {
    const one = create();
    one.scrapes.inc('failed');
    expect(valueOf(await render(create()), 'tocsin_scrapes_total', { outcome: 'failed' })).toBe(0);
  });
});
