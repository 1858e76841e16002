import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startAlertmanager } from '../support/alerts/alertmanager.ts';
import { postWebhook, webhookAlert, webhookPayload } from '../support/alerts/alerts.ts';
import { json } from '../support/alerts/chain.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { freePort, type RunningProcess } from '../support/processes/process.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly suppressed: string | null;
  readonly labels: Readonly<Record<string, string>>;
}
interface Events {
  readonly events: readonly { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
}

describeWithPeers(['alertmanager'], 'the list of alerts of Alertmanager', () => {
  const folder = temporaryFolder();
  let tocsin: RunningTocsin;
  let alertmanager: RunningProcess | undefined;
  let url = '';
  const alertOf = async (name: string) => {
    const { alerts } = await json<{ alerts: readonly Shown[] }>(`${tocsin.url}/api/v1/alerts?state=all`);
    return alerts.find(({ labels }) => labels['alertname'] === name);
  };
  const events = async (type: string) =>
    (await json<Events>(`${tocsin.url}/api/v1/events?type=tocsin.alert.${type}`)).events;
  const metric = async (line: string) => (await (await fetch(`${tocsin.url}/metrics`)).text()).includes(line);
  const give = (labels: Record<string, string>) =>
    fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels, startsAt: '2026-01-01T00:00:00.5Z' }]),
    });
  /** A reload asks the Alertmanager at once; otherwise it is asked every minute. */
  const ask = async () => {
    const done = tocsin.log.filter(({ msg }) => msg === 'configuration reloaded').length;
    tocsin.signal('SIGHUP');
    await until(() => tocsin.log.filter(({ msg }) => msg === 'configuration reloaded').length > done);
  };

  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    tocsin = await startTocsin({
      folder: folder.path,
      config: `host: { enabled: false }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
webhooks: [{ name: main, alertmanager: { peers: 2, peer_timeout: 500ms, group_interval: 500ms, warm_up: 1s } }]
alertmanagers: [{ name: am, url: '${url}' }]
`,
    });
    const file = join(folder.path, 'alertmanager.yml');
    writeFileSync(
      file,
      `route: { receiver: tocsin, group_by: ['...'], group_wait: 0s, group_interval: 1s }
receivers: [{ name: tocsin, webhook_configs: [{ url: '${tocsin.url}/api/webhooks/alertmanager' }] }]
inhibit_rules: [{ source_matchers: ['alertname="Source"'], target_matchers: ['alertname="Target"'] }]
`,
    );
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

  it('marks inhibited alerts', async () => {
    await give({ alertname: 'Target', severity: 'warning' });
    await until(() => alertOf('Target'));
    await ask();
    expect((await alertOf('Target'))?.suppressed).toBe(null);
    await give({ alertname: 'Source', severity: 'critical' });
    await until(() => alertOf('Source'));
    await ask();
    await until(async () => (await alertOf('Target'))?.suppressed === 'inhibited');
    const since = 'tocsin_alert_unacknowledged_since_timestamp_seconds{episode_alertname=';
    await until(async () => !(await metric(`${since}"Target"`)));
    expect(await metric(`${since}"Source"`)).toBe(true);
  });

  it('confirms a firing that was held as late, and refutes one that it does not have', async () => {
    const held = (labels: Record<string, string>) => {
      const firing = webhookAlert(labels, { startsAt: '2026-01-01T00:00:00.5Z' });
      const resolved = { ...firing, status: 'resolved', endsAt: new Date().toISOString() };
      return async () => {
        await postWebhook(tocsin.url, webhookPayload([firing], { externalURL: 'http://other' }));
        await postWebhook(tocsin.url, webhookPayload([resolved], { externalURL: 'http://other' }));
        await postWebhook(tocsin.url, webhookPayload([firing], { externalURL: 'http://third' }));
      };
    };
    const source = { alertname: 'Source', severity: 'critical' };
    await held(source)();
    await held({ alertname: 'Gone', severity: 'critical' })();
    expect((await alertOf('Source'))?.state).toBe('closed');
    await ask();
    await until(async () => (await alertOf('Source'))?.state === 'open');
    await until(
      async () => {
        // absence from a list means nothing before its Alertmanager has warmed up
        await ask();
        return metric('tocsin_reconciliation_repairs_total{repair="refuted"} 1');
      },
      { everyMs: 500 },
    );
    expect((await alertOf('Gone'))?.state).toBe('closed');
    expect((await events('reopened')).map(({ data }) => data['labels'])).toEqual([source]);
  });

  it('expires an episode that it does not have, once a report of its end can no longer be under way', async () => {
    const orphan = webhookAlert({ alertname: 'Orphan', severity: 'critical' });
    await postWebhook(tocsin.url, webhookPayload([orphan]));
    await ask();
    await until(() => metric('tocsin_reconciliation_drift{kind="orphaned",webhook="main"} 1'));
    expect((await alertOf('Orphan'))?.state).toBe('open');
    await until(
      async () => {
        await ask();
        return (await alertOf('Orphan'))?.state === 'closed';
      },
      { everyMs: 500 },
    );
    expect((await events('expired_unconfirmed')).map(({ data }) => data['cause'])).toEqual(['absent']);
  });

  it('changes nothing when Alertmanager does not answer', async () => {
    await alertmanager?.stop();
    alertmanager = undefined;
    const failures = async () => {
      const text = await (await fetch(`${tocsin.url}/metrics`)).text();
      return Number(/^tocsin_reconciliation_failures_total\{alertmanager="am"\} (\d+)/m.exec(text)?.[1]);
    };
    const before = await failures();
    await ask();
    await until(async () => (await failures()) > before);
    expect((await alertOf('Source'))?.state).toBe('open');
    expect((await alertOf('Target'))?.suppressed).toBe('inhibited');
  });
});
