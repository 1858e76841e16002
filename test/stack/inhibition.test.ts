import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { z } from 'zod';
import { startAlertmanager } from '../support/alerts/alertmanager.ts';
import { describeWithPeers } from '../support/processes/peers.ts';
import { freePort, type RunningProcess } from '../support/processes/process.ts';
import { until } from '../support/until.ts';
import { readStackFile } from '../support/config/stack-files.ts';

type LabelSet = Readonly<Record<string, string>>;

const notified = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    status: z.object({ inhibitedBy: z.array(z.string()) }),
  }),
);

const at = { job: 'tocsin', instance: 'a:1' };
const other = { job: 'tocsin', instance: 'b:1' };
const api = { service: 'api', target: 'http://api/' };

const CASES: readonly (readonly [string, LabelSet, boolean])[] = [
  [
    'a warning of a service that is down',
    { alertname: 'ServiceDegraded', severity: 'warning', ...api, ...other },
    true,
  ],
  ['its critical alert itself', { alertname: 'ServiceDown', severity: 'critical', ...api, ...other }, false],
  [
    'a warning of another service',
    { alertname: 'ServiceDegraded', severity: 'warning', service: 'db', target: 'db:1', ...other },
    false,
  ],
  ['a warning without a service', { alertname: 'AnythingElse', severity: 'warning' }, false],
  [
    'an alert from a Tocsin that is down',
    { alertname: 'CheckNotReporting', severity: 'warning', service: 'mail', target: 'm:1', ...at },
    true,
  ],
  ['the host of a Tocsin that is down', { alertname: 'HostLoadHigh', severity: 'warning', ...at }, true],
  ['the host of a Tocsin that is up', { alertname: 'HostLoadHigh', severity: 'warning', ...other }, false],
  ['that a Tocsin is down', { alertname: 'TocsinDown', severity: 'critical', ...at }, false],
  [
    'a filesystem that is worse than almost full',
    { alertname: 'HostFilesystemAlmostFull', severity: 'warning', mountpoint: '/', ...other },
    true,
  ],
  [
    'another filesystem of that host',
    { alertname: 'HostFilesystemAlmostFull', severity: 'warning', mountpoint: '/var', ...other },
    false,
  ],
  [
    'the full filesystem itself',
    { alertname: 'HostFilesystemAlmostFull', severity: 'critical', mountpoint: '/', ...other },
    false,
  ],
  ['the Watchdog', { alertname: 'Watchdog', severity: 'none' }, false],
];

describeWithPeers(['alertmanager'], 'inhibition by Alertmanager', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-inhibition-'));
  let alertmanager: RunningProcess | undefined;
  let url = '';
  const alerts = async () => notified.parse(await (await fetch(`${url}/api/v2/alerts`)).json());

  beforeAll(async () => {
    const [port, nobody] = [await freePort(), await freePort()];
    url = `http://127.0.0.1:${port}`;
    const config = readStackFile('alertmanager/alertmanager.yml').replace(
      'tocsin:10464',
      `127.0.0.1:${nobody}`,
    );
    const file = join(folder, 'alertmanager.yml');
    writeFileSync(file, config);
    const args = [`--config.file=${file}`, `--storage.path=${folder}/data`, '--cluster.listen-address='];
    alertmanager = await startAlertmanager(
      'alertmanager',
      [...args, `--web.listen-address=127.0.0.1:${port}`],
      url,
    );
    await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(CASES.map(([, labels]) => ({ labels }))),
    });
    const expected = CASES.filter(([, , held]) => held).length;
    await until(
      async () => (await alerts()).filter(({ status }) => status.inhibitedBy.length > 0).length >= expected,
      { what: `${expected} alerts held back` },
    );
  });

  afterAll(async () => {
    await alertmanager?.stop();
    rmSync(folder, { recursive: true });
  });

  it.each(CASES)('%s', async (_what, labels, held) => {
    const found = (await alerts()).find(
      (alert) => JSON.stringify(sorted(alert.labels)) === JSON.stringify(sorted(labels)),
    );
    expect(found?.status.inhibitedBy.length).toBe(held ? 1 : 0);
  });
});

function sorted(labels: LabelSet): (readonly [string, string])[] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
