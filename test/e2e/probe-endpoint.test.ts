import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ServerSet } from '../support/server-set.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/tocsin.ts';

const folder = temporaryFolder();
const servers = new ServerSet();
afterEach(() => servers.close());

const CONFIG = 'probe_endpoint: { modules_file: blackbox.yml }\nhost: { enabled: false }\n';

function writeModules(modules: object): void {
  writeFileSync(join(folder.path, 'blackbox.yml'), JSON.stringify({ modules }));
}

describe('/probe of a running Tocsin', () => {
  let tocsin: RunningTocsin;
  const status = async (path: string): Promise<number> => (await fetch(`${tocsin.url}${path}`)).status;
  const reloaded = async (): Promise<void> => {
    const lines = tocsin.log.length;
    tocsin.signal('SIGHUP');
    await tocsin.logged((entry) => tocsin.log.indexOf(entry) >= lines && /reloaded/.test(entry.msg));
  };

  beforeAll(async () => {
    writeModules({
      web: { prober: 'http', http: { preferred_ip_protocol: 'ip4', headers: { 'X-Key': 'hush' } } },
    });
    tocsin = await startTocsin({ config: CONFIG, folder: folder.path });
  });
  afterAll(async () => {
    await tocsin.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('probes, and shows its configuration without secrets', async () => {
    const server = await servers.http((_request, response) => response.end('hello'));
    const response = await fetch(`${tocsin.url}/probe?module=web&target=${encodeURIComponent(server.url)}`);
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('\nprobe_success 1\n'),
    ]);
    const config = await (await fetch(`${tocsin.url}/config`)).text();
    expect(config).toContain('modules_file: blackbox.yml');
    expect(config).toContain('  "web":\n    prober: http\n');
    expect(config).not.toContain('hush');
  });

  it('loads its modules anew, and keeps the old ones where the new are wrong', async () => {
    const server = await servers.tcp();
    const path = `/probe?module=port&target=${server.address}`;
    expect(await status(path)).toBe(400);
    writeModules({ port: { prober: 'tcp' } });
    await reloaded();
    expect(await status(path)).toBe(200);
    writeModules({ port: { prober: 'tpc' } });
    await reloaded();
    const failed = tocsin.log.find(({ msg }) => msg.startsWith('the configuration was not reloaded'));
    expect(JSON.stringify(failed)).toContain('modules.port.prober');
    expect(await status(path)).toBe(200);
  });

  it('tells in the log of modules that cannot be run here', async () => {
    writeModules({ quic: { prober: 'http', http: { enable_http3: true, enable_http2: false } } });
    await reloaded();
    const warning = tocsin.log.find(({ msg }) => msg.startsWith('some modules cannot be run here'));
    expect(JSON.stringify(warning)).toContain('modules.quic.http.enable_http3');
    const response = await fetch(`${tocsin.url}/probe?module=quic&target=127.0.0.1`);
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('probe_success 0\n'),
    ]);
  });

  it('refuses metadata addresses', async () => {
    writeModules({ http_2xx: { prober: 'http' } });
    await reloaded();
    expect(await status('/probe?target=http://169.254.169.254/latest/meta-data/')).toBe(403);
  });
});
