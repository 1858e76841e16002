import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { describeWithPeers, peer } from '../support/processes/peers.ts';
import {
  alertRules,
  filesIn,
  inTemporaryFolder,
  readStackFile,
  readYaml,
  run,
  SECRETS,
  stackFile,
} from '../support/config/stack-files.ts';

const CONFIG = stackFile('alertmanager/alertmanager.yml');

const ROUTES: readonly (readonly [string, readonly string[], string])[] = [
  ['the Watchdog, to Tocsin alone', ['alertname=Watchdog', 'severity=none'], 'tocsin'],
  [
    'a critical alert',
    ['alertname=ServiceDown', 'severity=critical', 'service=api'],
    'tocsin,slack-critical,email',
  ],
  [
    'a critical alert without a service',
    ['alertname=Something', 'severity=critical'],
    'tocsin,slack-critical,email',
  ],
  [
    'that Tocsin is down, to all receivers',
    ['alertname=TocsinDown', 'severity=critical'],
    'tocsin,escalation-2,escalation-3,slack-critical,email',
  ],
  [
    'what no one has acknowledged, to the next level',
    ['alertname=AlertUnacknowledged', 'severity=critical', 'escalation=2', 'service=api'],
    'tocsin,escalation-2',
  ],
  [
    'what is still unacknowledged, to the last level',
    ['alertname=AlertUnacknowledged', 'severity=warning', 'escalation=3', 'service=api'],
    'tocsin,escalation-3',
  ],
  ['a warning', ['alertname=ServiceDegraded', 'severity=warning', 'service=api'], 'tocsin,slack-warning'],
  ['an info', ['alertname=Something', 'severity=info'], 'tocsin'],
  ['an alert without a severity', ['alertname=Something'], 'tocsin'],
  ['an alert without any label of Tocsin', ['foo=bar'], 'tocsin'],
];

const schema = z.object({
  route: z.object({ receiver: z.string() }),
  receivers: z.array(z.looseObject({ name: z.string() })),
  inhibit_rules: z.array(
    z.object({
      source_matchers: z.array(z.string()),
      target_matchers: z.array(z.string()),
      equal: z.array(z.string()),
    }),
  ),
});

const filled = `
  - name: slack-critical
    slack_configs:
      - api_url_file: ${SECRETS}/slack-api-url
        channel: '#alerts-critical'
        send_resolved: true
        title: '{{ template "tocsin.subject" . }}'
        text: '{{ template "tocsin.slack.text" . }}'
        color: '{{ template "tocsin.slack.color" . }}'
  - name: slack-warning
    slack_configs:
      - api_url_file: ${SECRETS}/slack-api-url
        channel: '#alerts'
        send_resolved: true
        title: '{{ template "tocsin.subject" . }}'
        text: '{{ template "tocsin.slack.text" . }}'
        color: '{{ template "tocsin.slack.color" . }}'
  - name: email
    email_configs:
      - to: oncall@example.org
        from: tocsin@example.org
        smarthost: smtp.example.org:587
        auth_username: tocsin@example.org
        auth_password_file: ${SECRETS}/smtp-password
        send_resolved: true
        headers: { subject: '{{ template "tocsin.subject" . }}' }
        html: '{{ template "tocsin.email.html" . }}'
`;
const EMPTY = '  - name: slack-critical\n  - name: slack-warning\n  - name: email\n';

for (const amtool of ['amtool', 'amtool-old'] as const) {
  describeWithPeers([amtool], `alertmanager/ with ${amtool}`, () => {
    it('has a valid configuration, without Slack and email', () => {
      const { code, output } = run(peer(amtool), ['check-config', CONFIG]);
      expect(output).toContain('6 receivers');
      expect(code).toBe(0);
    });

    it('has a valid configuration with Slack and email configured as documented', () => {
      inTemporaryFolder((folder) => {
        const config = join(folder, 'alertmanager.yml');
        mkdirSync(join(folder, 'templates'));
        const text = readStackFile('alertmanager/alertmanager.yml');
        expect(text).toContain(EMPTY);
        writeFileSync(config, text.replace(EMPTY, filled.slice(1)));
        const { code, output } = run(peer(amtool), ['check-config', config]);
        expect(output).toContain('SUCCESS');
        expect(code).toBe(0);
      });
    });

    it.each(ROUTES)('routes %s', (_what, labels, receivers) => {
      const args = ['config', 'routes', 'test', `--config.file=${CONFIG}`, `--verify.receivers=${receivers}`];
      const { code, output } = run(peer(amtool), [...args, ...labels]);
      expect(output).toContain(receivers);
      expect(code).toBe(0);
    });

    it('sends every shipped alert to Tocsin first', () => {
      for (const { alert, labels } of alertRules()) {
        const args = ['config', 'routes', 'test', `--config.file=${CONFIG}`];
        const pairs = Object.entries({ alertname: alert, ...labels }).map(
          ([name, value]) => `${name}=${value}`,
        );
        expect(run(peer(amtool), [...args, ...pairs]).output).toMatch(/^tocsin(?:,|$)/m);
      }
    });

    it('sends alerts about Tocsin and the alerting pipeline to other receivers too', () => {
      const about = alertRules().filter(({ alert }) => /^(?:Tocsin|Alertmanager)/.test(alert));
      expect(about.length).toBeGreaterThanOrEqual(8);
      for (const { alert, labels } of about) {
        const args = ['config', 'routes', 'test', `--config.file=${CONFIG}`];
        const pairs = [`alertname=${alert}`, `severity=${labels['severity'] ?? ''}`];
        expect(run(peer(amtool), [...args, ...pairs]).output).toMatch(/slack-(?:critical|warning)/);
      }
    });

    describe('templates', () => {
      const alert = (status: string, service: string) => ({
        status,
        labels: { alertname: 'ServiceDown', service, severity: 'critical' },
        annotations: { description: `${service} is unhealthy.` },
        startsAt: '2026-01-02T03:04:05Z',
        endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : '2026-01-02T03:14:05Z',
        generatorURL: 'http://prometheus.example/graph',
        fingerprint: service,
      });
      const render = (template: string, data: object) =>
        inTemporaryFolder((folder) => {
          const file = join(folder, 'data.json');
          writeFileSync(file, JSON.stringify(data));
          const glob = stackFile('alertmanager/templates/*.tmpl');
          const text = `{{ template "${template}" . }}`;
          const args = ['template', 'render', `--template.glob=${glob}`, `--template.text=${text}`];
          return run(peer(amtool), [...args, `--template.data=${file}`]).output;
        });
      const data = {
        receiver: 'slack-critical',
        status: 'firing',
        alerts: [alert('firing', 'api'), alert('resolved', 'db')],
        groupLabels: { alertname: 'ServiceDown' },
        commonLabels: { alertname: 'ServiceDown', severity: 'critical' },
        commonAnnotations: { summary: 'A service is down.', runbook_url: 'docs/runbooks/ServiceDown.md' },
        externalURL: 'http://alertmanager.example',
      };

      it('render a subject with what and how many', () => {
        expect(render('tocsin.subject', data)).toBe('[FIRING:1] ServiceDown');
        const one = {
          ...data,
          status: 'resolved',
          commonLabels: { alertname: 'ServiceDown', service: 'db' },
        };
        expect(render('tocsin.subject', one)).toBe('[RESOLVED] ServiceDown db');
      });

      it('render a text for Slack with summary, every alert and the runbook', () => {
        expect(render('tocsin.slack.text', data)).toBe(
          '*A service is down.*\n• api is unhealthy.\n• resolved: db is unhealthy.\nWhat to do: docs/runbooks/ServiceDown.md\n',
        );
      });

      it.each([
        [{}, 'danger'],
        [{ commonLabels: { severity: 'warning' } }, 'warning'],
        [{ status: 'resolved' }, 'good'],
      ])('colour %j as %s', (change, colour) => {
        expect(render('tocsin.slack.color', { ...data, ...change })).toBe(colour);
      });

      it('render an email with every alert, its times and its query', () => {
        const html = render('tocsin.email.html', data);
        expect(html).toContain(
          '<li>api is unhealthy.<br>since 2026-01-02 03:04:05 UTC, <a href="http://prometheus.example/graph">',
        );
        expect(html).toContain(
          '<li>resolved: db is unhealthy.<br>2026-01-02 03:04:05 UTC to 2026-01-02 03:14:05 UTC</li>',
        );
        expect(html).toContain('docs/runbooks/ServiceDown.md');
      });
    });
  });
}

describe('the configuration of Alertmanager', () => {
  const config = readYaml(schema, 'alertmanager/alertmanager.yml');

  it('posts to Tocsin with a token from a file, including resolved alerts, whatever else is configured', () => {
    expect(config.route.receiver).toBe('tocsin');
    expect(config.receivers.find(({ name }) => name === 'tocsin')).toEqual({
      name: 'tocsin',
      webhook_configs: [
        {
          url: 'http://tocsin:10464/api/webhooks/alertmanager/main',
          send_resolved: true,
          http_config: {
            authorization: { type: 'Bearer', credentials_file: `${SECRETS}/webhook-token` },
          },
        },
      ],
    });
  });

  it('inhibits by no label that both sides may lack', () => {
    for (const { source_matchers, target_matchers, equal } of config.inhibit_rules) {
      const guarded = (matchers: readonly string[]) =>
        equal.filter((label) => matchers.includes(`${label}=~".+"`));
      expect(guarded(source_matchers)).not.toEqual([]);
      expect(guarded(target_matchers)).toEqual(guarded(source_matchers));
    }
  });

  it('never inhibits the Watchdog or TocsinDown', () => {
    const mutes = config.inhibit_rules.flatMap(({ target_matchers }) => target_matchers);
    const pattern = mutes.find((matcher) => matcher.includes('CheckNotReporting'));
    const muted = new RegExp(`^(?:${/=~"(.*)"$/.exec(pattern ?? '')?.[1] ?? ''})$`);
    expect(
      alertRules()
        .map(({ alert }) => alert)
        .filter((name) => muted.test(name)),
    ).not.toEqual([]);
    expect(
      ['Watchdog', 'TocsinDown', 'AlertmanagerNotificationsFailing'].filter((name) => muted.test(name)),
    ).toEqual([]);
  });

  it('is documented as it is tested here', () => {
    const indented = readStackFile('docs/stack.md').replace(/^ {3}/gm, '').replace(/^/gm, '  ');
    for (const receiver of filled.split(/^(?= {2}- name)/m).slice(1))
      expect(indented).toContain(receiver.trimEnd());
  });

  it('has templates', () => {
    expect(filesIn('alertmanager/templates', '.tmpl')).not.toEqual([]);
  });
});
