import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startAlertmanager } from '../support/alerts/alertmanager.ts';
import { json } from '../support/alerts/chain.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { freePort, type RunningProcess } from '../support/processes/process.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

interface Shown {
  readonly suppressed: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

const TOKEN = 'the-token-of-the-webhook';

describeWithPeers(['alertmanager'], 'alerts of an Alertmanager that are never delivered', () => {
  const folder = temporaryFolder();
  const file = join(folder.path, 'alertmanager.yml');
  let tocsin: RunningTocsin;
  let alertmanager: RunningProcess | undefined;
  let url = '';
  const missing = async () => {
    const text = await (await fetch(`${tocsin.url}/metrics`)).text();
    return Number(/reconciliation_drift\{kind="missing",webhook="main"\} (\d+)/.exec(text)?.[1]);
  };
  const ask = async () => {
    const done = tocsin.log.filter(({ msg }) => msg === 'configuration reloaded').length;
    tocsin.signal('SIGHUP');
    await until(() => tocsin.log.filter(({ msg }) => msg === 'configuration reloaded').length > done);
  };
  const untilMissing = (count: number) =>
    until(
      async () => {
        await ask();
        return (await missing()) === count;
      },
      { everyMs: 250, what: `${count} missing alerts` },
    );
  const give = (...alerts: readonly Record<string, string>[]) =>
    fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(
        alerts.map((labels) => ({
          labels: { severity: 'critical', ...labels },
          startsAt: '2026-01-01T00:00:00Z',
        })),
      ),
    });
  const configure = (token: string, mutedTeam: string) => {
    writeFileSync(
      file,
      `route:
  receiver: tocsin
  group_by: ['...']
  group_wait: 0s
  group_interval: 1s
  routes:
    - { receiver: tocsin, matchers: ['team="${mutedTeam}"'], mute_time_intervals: [always] }
    - { receiver: mail, matchers: ['team="mail"'] }
receivers:
  - name: tocsin
    webhook_configs:
      - url: '${tocsin.url}/api/webhooks/alertmanager/main'
        http_config: { authorization: { credentials: ${token} } }
  - name: mail
time_intervals: [{ name: always, time_intervals: [{ times: [{ start_time: '00:00', end_time: '24:00' }] }] }]
`,
    );
  };
  const shown = async () => (await json<{ alerts: readonly Shown[] }>(`${tocsin.url}/api/v1/alerts`)).alerts;

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    tocsin = await startTocsin({
      folder: folder.path,
      config: `host: { enabled: false }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
webhooks: [{ name: main, tokens: [${TOKEN}], alertmanager: { group_interval: 1s, peer_timeout: 500ms, warm_up: 1s } }]
alertmanagers: [{ name: am, url: '${url}' }]
`,
    });
    configure('another-token-altogether', 'night');
    const args = [
      `--config.file=${file}`,
      `--storage.path=${folder.path}/am`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ];
    alertmanager = await startAlertmanager('alertmanager', args, url);
  });

  afterAll(async () => {
    await alertmanager?.stop();
    await tocsin.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('are counted and logged even if nothing was ever delivered, without muted ones and those for others', async () => {
    await give(
      ...['A', 'B', 'C'].map((alertname) => ({ alertname })),
      { alertname: 'Muted', team: 'night' },
      { alertname: 'Mail', team: 'mail' },
    );
    await untilMissing(3);
    const entry = tocsin.log.findLast(({ msg }) => msg.includes('were never delivered'));
    expect(entry).toMatchObject({ level: 'warn', webhook: 'main', missing: 3, receivers: ['tocsin'] });
    expect([...(entry?.['alertnames'] as string[])].sort()).toEqual(['A', 'B', 'C']);
  });

  it('are no longer missing once they are delivered, and do not escalate once a time interval mutes them', async () => {
    configure(TOKEN, 'night');
    await fetch(`${url}/-/reload`, { method: 'POST' });
    await untilMissing(0);
    expect(await shown()).toHaveLength(3);
    await give({ alertname: 'Late', team: 'evening' });
    await until(async () => (await shown()).length === 4);
    configure(TOKEN, 'evening');
    await fetch(`${url}/-/reload`, { method: 'POST' });
    await until(
      async () => {
        await ask();
        const late = (await shown()).find(({ labels }) => labels['alertname'] === 'Late');
        return late?.suppressed === 'muted';
      },
      { everyMs: 250 },
    );
    const unacknowledged = async (alertname: string) => {
      const text = await (await fetch(`${tocsin.url}/metrics`)).text();
      return text.includes(
        `tocsin_alert_unacknowledged_since_timestamp_seconds{episode_alertname="${alertname}"`,
      );
    };
    await until(async () => !(await unacknowledged('Late')));
    expect(await unacknowledged('A')).toBe(true);
  });
});
