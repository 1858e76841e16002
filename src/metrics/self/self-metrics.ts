import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { ScrapeCollector } from '../../exposition/render/collectors.ts';
import type { SeriesTable } from '../../exposition/table/series-table.ts';
import type { Family } from '../family.ts';
import { registryFamilies, registrySamples } from '../registry-samples.ts';
import { AlertInstruments, WebhookInstruments } from './alerts.ts';
import {
  ConfigInstruments,
  ConnectionInstruments,
  HttpInstruments,
  ScheduleInstruments,
  ScrapeInstruments,
} from './instruments.ts';
import { SinkInstruments } from './sinks.ts';
import { PipelineInstruments } from './pipeline.ts';
import type { LedgerSummary } from '../../ledger/ledger.ts';
import { ALERT_FAMILIES, LedgerInstruments } from './ledger.ts';

export interface SelfInfo {
  readonly version: string;
  /** Node's version. */
  readonly node: string;
  /** The commit it was built from, where known. */
  readonly revision?: string;
}

/** Tocsin's own metrics: its instruments, and the collector that exposes them. */
export interface SelfMetrics {
  readonly scrapes: ScrapeInstruments;
  readonly http: HttpInstruments;
  readonly connections: ConnectionInstruments;
  readonly config: ConfigInstruments;
  readonly schedule: ScheduleInstruments;
  readonly webhooks: WebhookInstruments;
  readonly alerts: AlertInstruments;
  readonly sinks: SinkInstruments;
  readonly pipeline: PipelineInstruments;
  /** Counts a line of the log. */
  logged(level: string): void;
  /** Counts a log line that could not be written. */
  logDropped(): void;
  /** Counts dropped series. */
  seriesDropped(family: string, count?: number): void;
  /** Sets the metrics of the ledger from its summary. */
  ledger(numbers: LedgerSummary, writable: boolean): void;
  /** Every family it may expose. */
  readonly families: readonly Family[];
  /**
   * A collector that writes all of them into a table when a scrape asks for it.
   * @param before called first, for values that are read only on a scrape
   */
  collector(table: SeriesTable, before?: () => void): ScrapeCollector;
}

/** Gauges whose names end like a counter's; prom-client exports the same values by type under valid names. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** The name that selects these series in `collect[]`. */
const COLLECTOR = 'tocsin';

/** Creates Tocsin's own instruments on a registry of their own. */
export function createSelfMetrics(info: SelfInfo): SelfMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  addBuildInfo(registry, info);
  const lines = logCounter(registry);
  const linesDropped = new Counter({
    name: 'tocsin_log_messages_dropped_total',
    help: 'Log lines lost because standard output was not read or could not be written.',
    registers: [registry],
  });
  const dropped = new Counter({
    name: 'tocsin_series_dropped_total',
    help: 'Series dropped because they were duplicates or exceeded the series budget.',
    labelNames: ['family'],
    registers: [registry],
  });
  const seriesDropped = (family: string, count = 1) => dropped.inc({ family }, count);
  const ledger = new LedgerInstruments(registry, seriesDropped);
  const instruments = {
    scrapes: new ScrapeInstruments(registry),
    http: new HttpInstruments(registry),
    connections: new ConnectionInstruments(registry),
    config: new ConfigInstruments(registry),
    schedule: new ScheduleInstruments(registry),
    webhooks: new WebhookInstruments(registry),
    alerts: new AlertInstruments(registry),
    sinks: new SinkInstruments(registry),
    pipeline: new PipelineInstruments(registry),
  };
  const families = [...registryFamilies(registry), ...Object.values(ALERT_FAMILIES)];
  return {
    ...instruments,
    logged: (level) => lines.inc({ level }),
    logDropped: () => linesDropped.inc(),
    seriesDropped,
    ledger: (numbers, writable) => {
      ledger.update(numbers, writable);
      instruments.alerts.own(numbers.transitions);
    },
    families,
    collector: (table, before = () => undefined) => {
      // not budgeted: the metrics that report a used up budget must not be dropped because of it
      const group = table.group(COLLECTOR, { budgeted: false });
      const collect = async () => {
        before();
        group.replace([...(await registrySamples(registry, families)), ...ledger.samples()]);
      };
      return { name: COLLECTOR, collect, leaveOut: () => undefined };
    },
  };
}

function addBuildInfo(registry: Registry, { version, node, revision }: SelfInfo): void {
  const build = new Gauge({
    name: 'tocsin_build_info',
    help: 'Version of the running Tocsin, always 1.',
    labelNames: ['version', 'revision', 'node_version'],
    registers: [registry],
  });
  build.set({ version, ...(revision !== undefined && { revision }), node_version: node }, 1);
}

function logCounter(registry: Registry): Counter<'level'> {
  const lines = new Counter({
    name: 'tocsin_log_messages_total',
    help: 'Log lines written, by level.',
    labelNames: ['level'],
    registers: [registry],
  });
  for (const level of ['debug', 'info', 'warn', 'error']) lines.inc({ level }, 0);
  return lines;
}
