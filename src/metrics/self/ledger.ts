import { Counter, type Gauge, type Registry } from 'prom-client';
import { SEVERITIES } from '../../alerts/alert.ts';
import { DUPLICATE_CAUSES } from '../../alerts/episode.ts';
import type { LedgerSummary } from '../../ledger/ledger.ts';
import { defineFamily, sample, type Family, type Sample } from '../family.ts';
import { absentGauge } from './instruments.ts';

/** Families whose labels come from senders: not kept in prom-client, which would confuse some label sets. */
export const ALERT_FAMILIES = {
  active: defineFamily(
    'gauge',
    'tocsin_alerts_active',
    'Open alert episodes, without watchdogs and escalation alerts.',
    ['severity', 'acknowledged'],
  ),
  unacknowledgedSince: defineFamily(
    'gauge',
    'tocsin_alert_unacknowledged_since_timestamp_seconds',
    'First receipt of the oldest unacknowledged open episode, in seconds since the epoch.',
    ['episode_alertname', 'severity_class', 'service', 'episode_instance'],
  ),
  duplicates: defineFamily(
    'counter',
    'tocsin_alert_duplicates_total',
    'Alerts in deliveries that changed nothing, by cause.',
    ['cause'],
  ),
  flaps: defineFamily(
    'counter',
    'tocsin_alert_flaps_total',
    'Alerts that fired again within ten minutes of their end.',
  ),
  unreadableRows: defineFamily(
    'counter',
    'tocsin_ledger_unreadable_rows_total',
    'Stored rows that could not be read and are left out.',
    ['table'],
  ),
  acknowledgeSeconds: defineFamily(
    'histogram',
    'tocsin_alert_time_to_acknowledge_seconds',
    'Time for which an episode was unacknowledged before its acknowledgement.',
  ),
  resolveSeconds: defineFamily(
    'histogram',
    'tocsin_alert_time_to_resolve_seconds',
    'Time from the start of an episode to its end.',
  ),
} as const satisfies Record<string, Family>;

/** Metrics of the ledger; absent until its first summary. */
export class LedgerInstruments {
  #alerts: readonly Sample[] = [];
  readonly #gauges: Readonly<Record<'offset' | 'bytes' | 'writable', Gauge>>;
  readonly #totals: Readonly<Record<'commits' | 'failures' | 'seconds', Counter>>;
  readonly #onDropped: (family: string, count: number) => void;
  #overflow = 0;

  constructor(registry: Registry, onDropped: (family: string, count: number) => void) {
    this.#onDropped = onDropped;
    this.#gauges = {
      offset: absentGauge(registry, {
        name: 'tocsin_ledger_last_event_offset',
        help: 'Offset of the newest event in the ledger.',
      }),
      bytes: absentGauge(registry, {
        name: 'tocsin_ledger_file_bytes',
        help: 'Size of the ledger file and its write-ahead log.',
      }),
      writable: absentGauge(registry, {
        name: 'tocsin_ledger_writable',
        help: 'Whether the ledger accepts commits.',
      }),
    };
    this.#totals = {
      commits: absentCounter(registry, {
        name: 'tocsin_ledger_commits_total',
        help: 'Transactions committed to disk.',
      }),
      failures: absentCounter(registry, {
        name: 'tocsin_ledger_commit_failures_total',
        help: 'Transactions that could not be committed.',
      }),
      seconds: absentCounter(registry, {
        name: 'tocsin_ledger_commit_seconds_total',
        help: 'Time spent in commits.',
      }),
    };
  }

  /** Series that are not kept in prom-client. */
  samples(): readonly Sample[] {
    return this.#alerts;
  }

  update(numbers: LedgerSummary, writable: boolean): void {
    this.#gauges.offset.set(numbers.lastOffset);
    this.#gauges.bytes.set(numbers.fileBytes);
    this.#gauges.writable.set(writable ? 1 : 0);
    setTotal(this.#totals.commits, numbers.commits);
    setTotal(this.#totals.failures, numbers.failedCommits);
    setTotal(this.#totals.seconds, numbers.commitSeconds);
    this.#alerts = [
      ...activeSamples(numbers),
      ...unacknowledgedSamples(numbers),
      ...totalSamples(numbers),
      ...unreadableSamples(numbers),
    ];
    const more = numbers.unacknowledgedOverflow - this.#overflow;
    this.#overflow = numbers.unacknowledgedOverflow;
    if (more > 0) this.#onDropped(ALERT_FAMILIES.unacknowledgedSince.name, more);
  }
}

/** Every severity class is exposed, with 0 where no episode is open. */
function activeSamples({ open }: LedgerSummary): Sample[] {
  return SEVERITIES.flatMap((severity) =>
    [false, true].map((acknowledged) => {
      const same = open.filter((one) => one.severity === severity && one.acknowledged === acknowledged);
      const count = same.reduce((sum, one) => sum + one.count, 0);
      return sample(ALERT_FAMILIES.active, count, { severity, acknowledged: String(acknowledged) });
    }),
  );
}

function unacknowledgedSamples({ unacknowledged }: LedgerSummary): Sample[] {
  return unacknowledged.map(({ alertname, severity, service, instance, since }) =>
    sample(ALERT_FAMILIES.unacknowledgedSince, since / 1_000, {
      episode_alertname: alertname,
      severity_class: severity,
      service,
      episode_instance: instance,
    }),
  );
}

function totalSamples({ totals }: LedgerSummary): Sample[] {
  return [
    ...DUPLICATE_CAUSES.map((cause) =>
      sample(ALERT_FAMILIES.duplicates, totals.duplicates[cause], { cause }),
    ),
    sample(ALERT_FAMILIES.flaps, totals.flaps),
    sample(ALERT_FAMILIES.acknowledgeSeconds, totals.acknowledgeSeconds),
    sample(ALERT_FAMILIES.resolveSeconds, totals.resolveSeconds),
  ];
}

/** Every table that may have some is exposed, with 0 where every row was read. */
const TABLES = ['segments', 'episodes', 'deliveries', 'quarantine', 'sinks', 'dead_letters', 'checks'];

function unreadableSamples({ unreadableRows }: LedgerSummary): Sample[] {
  return TABLES.map((table) => sample(ALERT_FAMILIES.unreadableRows, unreadableRows[table] ?? 0, { table }));
}

function absentCounter(registry: Registry, { name, help }: { name: string; help: string }): Counter {
  const counter = new Counter({ name, help, registers: [registry] });
  counter.remove();
  return counter;
}

/** Raises a counter to its owner's total. */
function setTotal(counter: Counter, total: number): void {
  counter.reset();
  counter.inc(total);
}
