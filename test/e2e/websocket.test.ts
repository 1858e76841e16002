import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ServerSet } from '../support/servers/server-set.ts';
import { startRefusing, startWebsocket, talking } from '../support/servers/websocket.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

const folder = temporaryFolder();
const servers = new ServerSet();

describe('websocket of a running Tocsin', () => {
  let tocsin: RunningTocsin;
  let live: string;
  let refusing: string;

  beforeAll(async () => {
    live = servers.add(await startWebsocket(talking('hello 42', { 'hi 42': '"welcome"' }))).url;
    refusing = servers.add(await startRefusing('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')).url;
    const query_response = [{ expect: '^hello (\\S+)', send: 'hi $1' }, { expect: '"welcome"' }];
    const modules = {
      room: { prober: 'websocket', websocket: { query_response } },
      other: { prober: 'websocket', websocket: { query_response: [{ expect: '^goodbye' }] } },
    };
    writeFileSync(join(folder.path, 'blackbox.yml'), JSON.stringify({ modules }));
    const service = (name: string, target: string) => ({
      ...{ name, target, interval: '3s', timeout: '3s' },
      websocket: { query_response },
    });
    const config = {
      probe_endpoint: { modules_file: 'blackbox.yml' },
      host: { enabled: false },
      services: [service('live', live), service('shut', refusing)],
    };
    tocsin = await startTocsin({ config: JSON.stringify(config), folder: folder.path });
  });
  afterAll(async () => {
    await tocsin.stop();
    await servers.close();
    await folder[Symbol.asyncDispose]();
  });

  const text = async (path: string): Promise<string> => (await fetch(`${tocsin.url}${path}`)).text();
  const probed = (module: string, target: string): Promise<string> =>
    text(`/probe?module=${module}&target=${encodeURIComponent(target)}`);

  it('exchanges messages through /probe', async () => {
    const page = await probed('room', live);
    expect(page).toContain('\nprobe_success 1\n');
    expect(page).toContain('\nprobe_websocket_status_code 101\n');
    expect(page).toContain('\nprobe_websocket_connection_upgraded 1\n');
    expect(page).toContain('\nprobe_websocket_failed_due_to_regex 0\n');
    expect(page).toContain('\nprobe_websocket_duration_seconds{phase="transfer"} ');
  });

  it('fails through /probe on another message, and with a server that does not switch protocols', async () => {
    const other = await probed('other', live);
    expect(other).toContain('\nprobe_success 0\n');
    expect(other).toContain('\nprobe_websocket_failed_due_to_regex 1\n');
    const refused = await probed('room', refusing);
    expect(refused).toContain('\nprobe_success 0\n');
    expect(refused).toContain('\nprobe_websocket_status_code 403\n');
    expect(refused).toContain('\nprobe_websocket_connection_upgraded 0\n');
  });

  it('checks services, with its families on /metrics and its reason in the API', async () => {
    const page = await until(async () => {
      const metrics = await text('/metrics');
      return /^probe_success\{[^}]*"shut"/m.test(metrics) && /^probe_success\{[^}]*"live"/m.test(metrics)
        ? metrics
        : undefined;
    });
    const value = (family: string, service: string): string | undefined =>
      new RegExp(`^${family}\\{[^}]*service="${service}"[^}]*\\} (.*)$`, 'm').exec(page)?.[1];
    expect([value('probe_success', 'live'), value('probe_websocket_status_code', 'live')]).toEqual([
      '1',
      '101',
    ]);
    expect([value('probe_success', 'shut'), value('probe_websocket_status_code', 'shut')]).toEqual([
      '0',
      '403',
    ]);
    expect(JSON.parse(await text('/api/v1/services/shut'))).toMatchObject({
      prober: 'websocket',
      health: { reason: 'status', error: 'HTTP status 403, expected 101' },
    });
  });
});
