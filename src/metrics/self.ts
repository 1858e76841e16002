import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { SeriesTable } from '../exposition/table.ts';
import { renderText } from '../exposition/text.ts';
import type { Family, FamilyType } from './family.ts';
import { AlertInstruments, WebhookInstruments } from './self-alerts.ts';
import {
  ConfigInstruments,
  HttpInstruments,
  ScheduleInstruments,
  ScrapeInstruments,
} from './self-instruments.ts';
import { ALERT_FAMILIES, LedgerInstruments, type LedgerNumbers } from './self-ledger.ts';

export interface SelfInfo {
  readonly version: string;
  /** Node's version. */
  readonly node: string;
  /** The commit it was built from, where that is known. */
  readonly revision?: string;
}

/** What Tocsin says about itself: its instruments, and their text. */
export interface SelfMetrics {
  readonly scrapes: ScrapeInstruments;
  readonly http: HttpInstruments;
  readonly config: ConfigInstruments;
  readonly schedule: ScheduleInstruments;
  readonly webhooks: WebhookInstruments;
  readonly alerts: AlertInstruments;
  /** Counts a line of the log. */
  logged(level: string): void;
  /** Counts series that were left out. */
  seriesDropped(family: string, count?: number): void;
  /** Takes the newest numbers of the ledger. */
  ledger(numbers: LedgerNumbers, writable: boolean): void;
  /** Every family it may expose. */
  readonly families: readonly Family[];
  /** Text 0.0.4: all families that have series, or those of them that are named; sorted by name. */
  render(names?: ReadonlySet<string>): Promise<string>;
}

/** Gauges whose names end like a counter's; prom-client exports the same by type, under better names. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Makes Tocsin's own instruments on a registry of their own. */
export function createSelfMetrics(info: SelfInfo): SelfMetrics {
  const registry = new Registry();
  const table = new SeriesTable();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  addBuildInfo(registry, info);
  const lines = logCounter(registry);
  const dropped = new Counter({
    name: 'tocsin_series_dropped_total',
    help: 'Series left out: another one was the same, or there were too many.',
    labelNames: ['family'],
    registers: [registry],
  });
  const seriesDropped = (family: string, count = 1) => dropped.inc({ family }, count);
  const ledger = new LedgerInstruments(registry, table, seriesDropped);
  const instruments = {
    scrapes: new ScrapeInstruments(registry),
    http: new HttpInstruments(registry),
    config: new ConfigInstruments(registry),
    schedule: new ScheduleInstruments(registry),
    webhooks: new WebhookInstruments(registry),
    alerts: new AlertInstruments(registry),
  };
  return {
    ...instruments,
    logged: (level) => lines.inc({ level }),
    seriesDropped,
    ledger: (numbers, writable) => ledger.update(numbers, writable),
    families: [...registryFamilies(registry), ...Object.values(ALERT_FAMILIES)],
    render: (names) => render(registry, table, names),
  };
}

function addBuildInfo(registry: Registry, { version, node, revision }: SelfInfo): void {
  const build = new Gauge({
    name: 'tocsin_build_info',
    help: 'The Tocsin that runs, always 1.',
    labelNames: ['version', 'revision', 'node_version'],
    registers: [registry],
  });
  build.set({ version, ...(revision !== undefined && { revision }), node_version: node }, 1);
}

function logCounter(registry: Registry): Counter<'level'> {
  const lines = new Counter({
    name: 'tocsin_log_messages_total',
    help: 'Lines written to the log.',
    labelNames: ['level'],
    registers: [registry],
  });
  for (const level of ['debug', 'info', 'warn', 'error']) lines.inc({ level }, 0);
  return lines;
}

async function render(registry: Registry, table: SeriesTable, names?: ReadonlySet<string>): Promise<string> {
  const wanted = (name: string) => names?.has(name) ?? true;
  const texts = new Map<string, string>();
  for (const family of table.snapshot()) {
    if (wanted(family.name))
      texts.set(family.name, Buffer.concat([...renderText([family])]).toString('utf8'));
  }
  await Promise.all(
    registryFamilies(registry).map(async ({ name }) => {
      if (!wanted(name)) return;
      const text = await registry.getSingleMetricAsString(name);
      if (hasSeries(text)) texts.set(name, `${text}\n`);
    }),
  );
  return [...texts.keys()]
    .sort()
    .map((name) => texts.get(name) ?? '')
    .join('');
}

/** prom-client writes HELP and TYPE also for what has no series. */
function hasSeries(text: string): boolean {
  return !text.slice(text.lastIndexOf('\n') + 1).startsWith('# TYPE ');
}

function registryFamilies(registry: Registry): Family[] {
  return registry.getMetricsAsArray().map((metric) => {
    const { name, help } = metric;
    return { name, help, type: familyType(String(metric.type)), labels: labelNames(metric) };
  });
}

function familyType(type: string): FamilyType {
  if (type === 'counter' || type === 'gauge' || type === 'histogram') return type;
  throw new Error(`a metric of type ${type} cannot be exposed; use a counter, a gauge or a histogram`);
}

function labelNames(metric: object): readonly string[] {
  if (!('labelNames' in metric) || !Array.isArray(metric.labelNames)) return [];
  return metric.labelNames.filter((name): name is string => typeof name === 'string');
}
