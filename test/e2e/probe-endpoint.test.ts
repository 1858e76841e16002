import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ServerSet } from '../support/servers/server-set.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';

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

  it('reloads its modules, and keeps the old ones where the new ones are invalid', async () => {
    const server = await servers.tcp();
    const path = `/probe?module=port&target=${server.address}`;
    expect(await status(path)).toBe(400);
    writeModules({ port: { prober: 'tcp' } });
    await reloaded();
    expect(await status(path)).toBe(200);
    writeModules({ port: { prober: 'tcp', tpc: {} } });
    await reloaded();
    const failed = tocsin.log.find(({ msg }) => msg.startsWith('the configuration was not reloaded'));
    expect(JSON.stringify(failed)).toContain('modules.port.tpc');
    expect(await status(path)).toBe(200);
  });

  it('logs modules that cannot run here', async () => {
    writeModules({ quic: { prober: 'http', http: { enable_http3: true, enable_http2: false } } });
    await reloaded();
    const warning = tocsin.log.find(({ msg }) =>
      msg.startsWith('the modules file has settings that cannot work'),
    );
    expect(JSON.stringify(warning)).toContain('modules.quic.http.enable_http3');
    const response = await fetch(`${tocsin.url}/probe?module=quic&target=127.0.0.1`);
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('probe_success 0\n'),
    ]);
  });

  it('loads a module that cannot work along with those that can', async () => {
    const server = await servers.tcp();
    writeModules({ odd: { prober: 'tpc' }, port: { prober: 'tcp', tcp: { preferred_ip_protocol: 'ipv4' } } });
    await reloaded();
    const ask = async (module: string) =>
      (await fetch(`${tocsin.url}/probe?module=${module}&target=${server.address}`)).text();
    expect(await ask('odd')).toContain('probe_success 0\n');
    expect(await ask('port')).toContain('probe_success 1\n');
  });

  it('refuses metadata addresses', async () => {
    writeModules({ http_2xx: { prober: 'http' } });
    await reloaded();
    expect(await status('/probe?target=http://169.254.169.254/latest/meta-data/')).toBe(403);
  });

  it('sends nothing for a hostname that would end a header line', async () => {
    const server = await servers.tcp();
    const hostname = encodeURIComponent('x\r\nX-Evil: 1');
    expect(await status(`/probe?target=http://${server.address}&hostname=${hostname}`)).toBe(400);
    expect(server.accepted()).toBe(0);
  });

  it('refuses requests from a web page of another origin', async () => {
    const server = await servers.tcp();
    const path = `/probe?module=port&target=${server.address}`;
    const asked = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${tocsin.url}${path}`, { headers })).status;
    writeModules({ http_2xx: { prober: 'http' }, port: { prober: 'tcp' } });
    await reloaded();
    expect(await asked({ 'Sec-Fetch-Site': 'cross-site' })).toBe(403);
    expect(await asked({ Origin: 'http://evil.test' })).toBe(403);
    expect(server.accepted()).toBe(0);
    expect(await asked({ 'Sec-Fetch-Site': 'none' })).toBe(200);
    expect(await asked({ Origin: tocsin.url, 'Sec-Fetch-Site': 'same-origin' })).toBe(200);
  });

  describe('as its own target', () => {
    const own = (): string => new URL(tocsin.url).port;
    beforeAll(async () => {
      writeModules({
        post: { prober: 'http', http: { method: 'POST', valid_status_codes: [403] } },
        proxied: {
          prober: 'http',
          http: { proxy_url: tocsin.url, skip_resolve_phase_with_proxy: true, valid_status_codes: [403] },
        },
      });
      await reloaded();
    });

    it.each(['127.0.0.1', 'localhost', '0.0.0.0', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]'])(
      'is refused at %s',
      async (host) => {
        expect(await status(`/probe?module=post&target=http://${host}:${own()}/-/reload`)).toBe(403);
      },
    );

    it.each(['0x7f000001', '127.1'])('is not reached at %s, which is a name as in Go', async (host) => {
      const reply = await fetch(`${tocsin.url}/probe?module=post&target=http://${host}:${own()}/-/reload`);
      expect([reply.status, await reply.text()]).toEqual([200, expect.stringContaining('probe_success 0\n')]);
    });

    it('is reached neither by a redirect nor as a proxy', async () => {
      const server = await servers.http((_request, response) =>
        response.writeHead(307, { Location: `${tocsin.url}/-/reload` }).end(),
      );
      for (const [module, target] of [
        ['post', server.url],
        ['proxied', 'http://a.test/'],
      ]) {
        const response = await fetch(`${tocsin.url}/probe?module=${module}&target=${target}&debug=true`);
        const text = await response.text();
        expect(text).toContain('Tocsin itself listens there');
        expect(text).toContain('probe_success 0');
      }
    });

    it('is probed where the allow list names it', async () => {
      const config = CONFIG.replace('blackbox.yml', `blackbox.yml, allow: ["127.0.0.1:${own()}"]`);
      const address = new URL(tocsin.url).host;
      await tocsin.stop();
      tocsin = await startTocsin({ config, folder: folder.path, listen: address });
      expect(await status(`/probe?module=post&target=${tocsin.url}/-/reload`)).toBe(200);
    });
  });
});
