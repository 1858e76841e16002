import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { describeWithPeers, peer } from '../support/processes/peers.ts';
import {
  alertRules,
  exposedNames,
  filesIn,
  inTemporaryFolder,
  makeSecrets,
  metricNames,
  readStackFile,
  readYaml,
  ruleFiles,
  run,
  runbookOf,
  SECRETS,
  stackFile,
  unknownMetrics,
} from '../support/config/stack-files.ts';

const testFiles = filesIn('prometheus/tests', '.yml');

const testSchema = z.object({
  tests: z.array(
    z.object({
      name: z.string(),
      alert_rule_test: z.array(
        z.object({ eval_time: z.string(), alertname: z.string(), exp_alerts: z.array(z.unknown()) }),
      ),
    }),
  ),
});

interface RuleCase {
  readonly test: string;
  readonly alertname: string;
  readonly fires: boolean;
}

function ruleCases(): RuleCase[] {
  return testFiles
    .flatMap((file) => readYaml(testSchema, file).tests)
    .flatMap(({ name, alert_rule_test }) =>
      alert_rule_test.map(({ alertname, exp_alerts }) => ({
        test: name,
        alertname,
        fires: exp_alerts.length > 0,
      })),
    );
}

const rules = alertRules();
const names = [...new Set(rules.map(({ alert }) => alert))];
/** A copy of prometheus.yml whose secrets exist. */
function withSecrets(check: (config: string) => void): void {
  inTemporaryFolder((folder) => {
    makeSecrets(join(folder, 'secrets'));
    cpSync(stackFile('prometheus'), folder, { recursive: true });
    const config = join(folder, 'prometheus.yml');
    const text = readStackFile('prometheus/prometheus.yml');
    writeFileSync(config, text.replaceAll(SECRETS, join(folder, 'secrets')));
    check(config);
  });
}

for (const promtool of ['promtool', 'promtool-old'] as const) {
  describeWithPeers([promtool], `prometheus/ with ${promtool}`, () => {
    it('has a valid configuration with valid rules', () => {
      withSecrets((config) => {
        const { code, output } = run(peer(promtool), ['check', 'config', config]);
        expect(output).toContain('SUCCESS: 2 rule files found');
        expect(code).toBe(0);
      });
    });

    it('passes every rule test', () => {
      const { code, output } = run(peer(promtool), [
        'test',
        'rules',
        ...testFiles.map((file) => stackFile(file)),
      ]);
      expect({ code, failures: output.includes('FAILED') ? output : '' }).toEqual({ code: 0, failures: '' });
    });
  });
}

describe('the scrape configuration', () => {
  const schema = z.object({
    alerting: z.object({ alertmanagers: z.array(z.unknown()).nonempty() }),
    scrape_configs: z.array(
      z.object({
        job_name: z.string(),
        honor_labels: z.boolean().optional(),
        authorization: z.object({ credentials_file: z.string() }).optional(),
      }),
    ),
  });

  it('keeps the labels of Tocsin and sends its token', () => {
    const { scrape_configs } = readYaml(schema, 'prometheus/prometheus.yml');
    const tocsin = scrape_configs.find(({ job_name }) => job_name === 'tocsin');
    expect(tocsin?.honor_labels).toBe(true);
    expect(tocsin?.authorization).toEqual({ credentials_file: `${SECRETS}/metrics-token` });
  });
});

describe.each(names)('alert %s', (alertname) => {
  const own = rules.filter(({ alert }) => alert === alertname);
  const cases = ruleCases().filter((one) => one.alertname === alertname);

  it('has a severity, a summary that is a sentence, a description and a runbook', () => {
    for (const { labels, annotations } of own) {
      expect(['critical', 'warning', 'info', 'none']).toContain(labels['severity']);
      expect(annotations['summary']).toMatch(/^[A-Z][^{}]*\.$/);
      expect(annotations['description']).toMatch(/\.$/);
      expect(annotations['runbook_url']).toBe(`docs/runbooks/${alertname}.md`);
    }
  });

  it('has no changing values in its labels', () => {
    for (const { labels } of own) expect(Object.values(labels).join()).not.toContain('{{');
  });

  it('waits before it fires, except the dead man’s switch', () => {
    for (const rule of own) {
      if (alertname === 'Watchdog') expect(rule.for).toBeUndefined();
      else expect(rule.for).toMatch(/^\d+[smh]$/);
    }
  });

  it('uses only exposed metrics', () => {
    const exposed = exposedNames();
    for (const { expr } of own) expect(unknownMetrics(expr, exposed)).toEqual([]);
  });

  it('has a test in which it fires', () => {
    expect(cases.filter(({ fires }) => fires)).not.toEqual([]);
  });

  it('has a test in which it does not fire', () => {
    if (alertname === 'Watchdog') return;
    expect(cases.filter(({ fires }) => !fires)).not.toEqual([]);
  });

  it('has a test for when its series disappear', () => {
    expect(cases.filter(({ test }) => /disappear/.test(test))).not.toEqual([]);
  });

  it('has a runbook with all its parts', () => {
    const text = readStackFile('docs/runbooks', `${alertname}.md`);
    const headings = [...text.matchAll(/^#+ .+$/gm)].map(([line]) => line);
    expect(headings).toEqual([
      `# ${alertname}`,
      '## Meaning',
      '## Impact',
      '## How to find the cause',
      '## How to fix',
      '## How to silence',
    ]);
    for (const { labels } of own) expect(text).toContain(String(labels['severity']));
  });
});

describe('rules, tests and runbooks', () => {
  it('are about the same alerts', () => {
    expect([...new Set(ruleCases().map(({ alertname }) => alertname))].sort()).toEqual([...names].sort());
    expect(filesIn('docs/runbooks', '.md').map(runbookOf)).toEqual([...names].sort());
  });

  it('are all present', () => {
    expect(ruleFiles).toEqual(['prometheus/rules/host.yml', 'prometheus/rules/tocsin.yml']);
    expect(rules.length).toBeGreaterThanOrEqual(27);
  });
});

describe('metricNames', () => {
  it.each([
    ['up{job="a"} == 0 or absent(up{job="a"})', ['up']],
    ['sum by (le) (rate(a_bucket{b=~"c{2}"}[5m])) / on (x) group_left () b offset 15m', ['a_bucket', 'b']],
    ['a:b:rate5m unless on (job) (c and time() - d < 86400)', ['a:b:rate5m', 'c', 'd']],
    ['1e3 * vector(1)', []],
  ])('finds the metrics of %s', (expr, expected) => {
    expect(metricNames(expr)).toEqual(expected);
  });
});
