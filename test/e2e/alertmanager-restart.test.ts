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
  readonly id: string;
  readonly state: string;
  readonly acknowledged: boolean;
  readonly starts_at: string;
}

const STARTS_AT = '2026-01-01T00:00:00.5Z';
const WARM_UP_MS = 6_000;
/** How long the report of an end may take: twice `group_interval` and once `peer_timeout`. */
const SETTLE_MS = 1_500;

describeWithPeers(['alertmanager'], 'an Alertmanager that restarts while an alert fires', () => {
  const folder = temporaryFolder();
  let tocsin: RunningTocsin;
  let alertmanager: RunningProcess | undefined;
  let start: () => Promise<RunningProcess>;
  let url = '';
  const shown = async () => {
    const { alerts } = await json<{ alerts: readonly Shown[] }>(`${tocsin.url}/api/v1/alerts?state=all`);
    return alerts;
  };
  const transitions = async () => {
    const { events } = await json<{ events: { type: string; time: string }[] }>(
      `${tocsin.url}/api/v1/events?type=tocsin.alert.*`,
    );
    return events.map(({ type, time }) => ({ name: type.slice('tocsin.alert.'.length), time }));
  };
  const repairs = async (repair: string) => {
    const text = await (await fetch(`${tocsin.url}/metrics`)).text();
    return Number(new RegExp(`reconciliation_repairs_total\\{repair="${repair}"\\} (\\d+)`).exec(text)?.[1]);
  };
  /** Posts as Prometheus does: each time with the end a few resends ahead. */
  const give = () =>
    fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels: { alertname: 'Down', severity: 'critical' }, startsAt: STARTS_AT }]),
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
webhooks: [{ name: main, alertmanager: { group_interval: 500ms, peer_timeout: 500ms, warm_up: ${WARM_UP_MS}ms } }]
alertmanagers: [{ name: am, url: '${url}' }]
`,
    });
    const file = join(folder.path, 'alertmanager.yml');
    writeFileSync(
      file,
      `route: { receiver: tocsin, group_by: ['...'], group_wait: 0s, group_interval: 1s }
receivers: [{ name: tocsin, webhook_configs: [{ url: '${tocsin.url}/api/webhooks/alertmanager' }] }]
`,
    );
    const args = [
      `--config.file=${file}`,
      `--storage.path=${folder.path}/am`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ];
    start = () => startAlertmanager('alertmanager', args, url);
    alertmanager = await start();
  });

  afterAll(async () => {
    await alertmanager?.stop();
    await tocsin.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('ends no episode because of its empty list, and reopens an expired one that it lists later', async () => {
    await give();
    const { id } = await until(async () => (await shown())[0]);
    await json(`${tocsin.url}/api/v1/alerts/${id}/ack`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ by: 'ops' }),
    });
    await alertmanager?.stop();
    alertmanager = await start();
    const { uptime: startedAt } = await json<{ uptime: string }>(`${url}/api/v2/status`);
    // Prometheus is gone for longer than it should be; meanwhile the empty list is fetched again and again
    await until(
      async () => {
        await ask();
        return (await shown())[0]?.state === 'closed';
      },
      { everyMs: 250, lastsMs: WARM_UP_MS },
    );
    const expired = (await transitions()).find(({ name }) => name === 'expired_unconfirmed');
    expect(Date.parse(expired?.time ?? '') - Date.parse(startedAt)).toBeGreaterThan(WARM_UP_MS + SETTLE_MS);
    await give();
    await until(
      async () => {
        await ask();
        return (await shown())[0]?.state === 'open';
      },
      { everyMs: 250 },
    );
    expect(await shown()).toMatchObject([{ id, acknowledged: true, starts_at: STARTS_AT }]);
    expect(await repairs('reopened')).toBe(1);
    expect((await transitions()).map(({ name }) => name)).toEqual([
      'fired',
      'acknowledged',
      'expired_unconfirmed',
      'reopened',
    ]);
  });
});
