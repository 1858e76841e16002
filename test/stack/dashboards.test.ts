import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { describeWithPeers, peer } from '../support/processes/peers.ts';
import {
  exposedNames,
  filesIn,
  inTemporaryFolder,
  readStackFile,
  readYaml,
  run,
  unknownMetrics,
} from '../support/config/stack-files.ts';

const datasource = z.object({ type: z.literal('prometheus'), uid: z.literal('${datasource}') });
const target = z.object({
  refId: z.string(),
  datasource,
  expr: z.string(),
  legendFormat: z.string(),
  instant: z.boolean(),
  range: z.boolean(),
  format: z.string().optional(),
});
const panel = z.object({
  id: z.int().positive(),
  type: z.string(),
  title: z.string().min(1),
  description: z.string().optional(),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  datasource: datasource.optional(),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string(), noValue: z.string() }) }).optional(),
  targets: z.array(target).optional(),
});
const variable = z.object({
  name: z.string(),
  type: z.string(),
  query: z.union([z.string(), z.object({ query: z.string() })]),
  refresh: z.number(),
  allValue: z.string().optional(),
});
const dashboard = z.object({
  uid: z.string().regex(/^[a-z0-9-]{1,40}$/),
  title: z.string().min(1),
  tags: z.array(z.string()).nonempty(),
  schemaVersion: z.int(),
  editable: z.literal(false),
  graphTooltip: z.literal(1),
  refresh: z.string(),
  timezone: z.literal('browser'),
  templating: z.object({ list: z.array(variable) }),
  annotations: z.object({ list: z.array(z.object({ datasource, expr: z.string() })) }),
  panels: z.array(panel),
});
type Dashboard = z.infer<typeof dashboard>;
type Panel = z.infer<typeof panel>;

/** Grafana units in use; check Grafana's list before you add one. */
const UNITS = ['none', 'short', 's', 'bytes', 'Bps', 'reqps', 'percentunit'];

const files = filesIn('grafana/dashboards', '.json');
const dashboards = files.map((file): [string, Dashboard] => [
  file,
  dashboard.parse(JSON.parse(readStackFile(file))),
]);

function expressions({ panels, annotations }: Dashboard): string[] {
  return [...panels.flatMap(({ targets = [] }) => targets), ...annotations.list].map(({ expr }) => expr);
}

/** The expression as Prometheus receives it. */
function plain(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '1m')
    .replaceAll('$__interval', '15s')
    .replaceAll('$__range', '3h')
    .replace(/\$\{?\w+\}?/g, '.+');
}

describe.each(dashboards)('%s', (_file, board) => {
  const shown = board.panels.filter(({ type }) => type !== 'row');

  it('is in the classic format that every Grafana from 12 on loads from a file', () => {
    expect(board.schemaVersion).toBeGreaterThanOrEqual(39);
    expect(board.schemaVersion).toBeLessThanOrEqual(42);
  });

  it('has the data source as the first variable, then what to look at', () => {
    const [first, ...others] = board.templating.list;
    expect(first).toMatchObject({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    for (const one of others) expect(one).toMatchObject({ type: 'query', refresh: 2, allValue: '.+' });
  });

  it('has a unique id for every panel', () => {
    expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  });

  it('has panels within the 24 columns that do not overlap', () => {
    for (const { gridPos, title } of board.panels) {
      expect([title, gridPos.x >= 0 && gridPos.w > 0 && gridPos.x + gridPos.w <= 24]).toEqual([title, true]);
    }
    const overlaps = board.panels.flatMap((one, i) =>
      board.panels
        .slice(i + 1)
        .flatMap((other) => (overlap(one, other) ? [`${one.title} / ${other.title}`] : [])),
    );
    expect(overlaps).toEqual([]);
  });

  it.each(shown.map((one): [string, Panel] => [one.title, one]))(
    'has a description and a unit for panel %s',
    (_title, one) => {
      expect(one.description).toMatch(/^[A-Z].+\.$/);
      expect(UNITS).toContain(one.fieldConfig?.defaults.unit);
      expect(one.fieldConfig?.defaults.noValue).not.toBe('');
      expect(one.datasource?.uid).toBe('${datasource}');
      expect(one.targets ?? []).not.toEqual([]);
      const targets = one.targets ?? [];
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
      for (const { instant, range, format, legendFormat } of targets) {
        expect(instant).toBe(!range);
        if (format !== 'table') expect(legendFormat).not.toBe('');
      }
    },
  );

  it('has unique titles of panels', () => {
    expect(new Set(shown.map(({ title }) => title)).size).toBe(shown.length);
  });

  it('uses Grafana’s rate interval for counters', () => {
    for (const expr of expressions(board)) {
      for (const [, range] of expr.matchAll(/\b(?:rate|increase)\([^[]*\[([^\]]+)\]/g))
        expect(range).toBe('$__rate_interval');
    }
  });

  it('uses only exposed metrics', () => {
    const exposed = exposedNames();
    for (const expr of expressions(board)) expect(unknownMetrics(plain(expr), exposed)).toEqual([]);
    for (const { query } of board.templating.list) {
      const text = typeof query === 'string' ? query : query.query;
      const [, metric] = /^label_values\((\w+)/.exec(text) ?? [];
      if (metric !== undefined) expect(exposed).toContain(metric);
    }
  });
});

function overlap({ gridPos: a }: Panel, { gridPos: b }: Panel): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

for (const promtool of ['promtool', 'promtool-old'] as const) {
  describeWithPeers([promtool], `expressions of the dashboards with ${promtool}`, () => {
    it.each(dashboards)('%s has only valid ones', (_file, board) => {
      inTemporaryFolder((folder) => {
        const rules = expressions(board).map((expr, i) => ({
          record: `panel:${String(i)}`,
          expr: plain(expr),
        }));
        const file = join(folder, 'rules.json');
        writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
        const { code, output } = run(peer(promtool), ['check', 'rules', file]);
        expect(output).toContain(`${String(rules.length)} rules found`);
        expect(code).toBe(0);
      });
    });
  });
}

describe('the provisioning of Grafana', () => {
  it('has the data sources, and the scrape interval for Prometheus', () => {
    const source = z.object({
      name: z.string(),
      uid: z.string(),
      url: z.string(),
      jsonData: z.record(z.string(), z.unknown()),
    });
    const provisioned = readYaml(
      z.object({ datasources: z.array(source) }),
      'grafana/provisioning/datasources/stack.yml',
    );
    const scraped = readYaml(
      z.object({ global: z.object({ scrape_interval: z.string() }) }),
      'prometheus/prometheus.yml',
    );
    expect(provisioned.datasources.map(({ uid, url }) => [uid, url])).toEqual([
      ['prometheus', 'http://prometheus:9090'],
      ['alertmanager', 'http://alertmanager:9093'],
    ]);
    expect(provisioned.datasources[0]?.jsonData['timeInterval']).toBe(scraped.global.scrape_interval);
  });

  it('finds the dashboards where compose mounts them, each with a unique uid and title', () => {
    const provider = z.object({ options: z.object({ path: z.string() }), allowUiUpdates: z.boolean() });
    const { providers } = readYaml(
      z.object({ providers: z.array(provider) }),
      'grafana/provisioning/dashboards/stack.yml',
    );
    expect(providers.map(({ options }) => options.path)).toEqual(['/etc/grafana/dashboards']);
    const compose = readStackFile('docker-compose.yml');
    expect(compose).toContain('./grafana/dashboards:/etc/grafana/dashboards:ro');
    expect(files.some((file) => compose.includes(`/etc/${file}`))).toBe(true);
    expect(new Set(dashboards.map(([, { uid }]) => uid)).size).toBe(files.length);
    expect(new Set(dashboards.map(([, { title }]) => title)).size).toBe(files.length);
  });
});
