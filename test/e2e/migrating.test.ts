import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWithPeers, peer } from '../support/processes/peers.ts';
import { startHttp, type HttpTestServer } from '../support/servers/http.ts';
import { closedPort } from '../support/servers/tcp.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../support/processes/tocsin.ts';
import { until } from '../support/until.ts';

interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

const folder = temporaryFolder();
const processes: ChildProcess[] = [];

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { cwd: folder.path, stdio: 'ignore' });
  processes.push(child);
  return child;
}

const answers = async (url: string): Promise<boolean> => (await fetch(url)).ok;

/** The part of prometheus.yml in the guide, which is the one of blackbox_exporter's README. */
function guideConfig(): string {
  const guide = readFileSync('docs/migrating-from-blackbox_exporter.md', 'utf8');
  const [, block] = /```yaml\n(scrape_configs:\n.*?)```/s.exec(guide) ?? [];
  if (block === undefined) throw new Error('the guide has no scrape_configs');
  return block;
}

describeWithPeers(['prometheus', 'blackbox_exporter'], 'the migration guide, with a real Prometheus', () => {
  let tocsin: RunningTocsin;
  let site: HttpTestServer;
  let prometheus: ChildProcess;
  let prometheusUrl = '';
  let blackboxAddress = '';
  const configFile = join(folder.path, 'prometheus.yml');

  /** prometheus.yml as in the guide, with the targets of this test, and the exporter at `address`. */
  function configure(address: string): void {
    const text = guideConfig()
      .replaceAll('https://prometheus.io', site.url)
      .replaceAll('http://example.com:8080', `${site.url}/gone`)
      .replaceAll('127.0.0.1:9115', address);
    writeFileSync(configFile, `global: { scrape_interval: 4s, scrape_timeout: 4s }\n${text}`);
  }

  async function query(expression: string): Promise<readonly Sample[]> {
    const response = await fetch(`${prometheusUrl}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const { data } = (await response.json()) as { data: { result: readonly Sample[] } };
    return data.result;
  }

  /** Series and values of the scraped targets, without timings, once both were scraped from `exporter`. */
  async function scraped(exporter: string): Promise<readonly string[]> {
    await until(async () => {
      const response = await fetch(`${prometheusUrl}/api/v1/targets`);
      const { data } = (await response.json()) as {
        data: { activeTargets: { scrapeUrl: string; health: string }[] };
      };
      const own = data.activeTargets.filter(({ scrapeUrl }) => scrapeUrl.includes('/probe?'));
      return (
        own.length === 2 &&
        own.every(({ scrapeUrl, health }) => scrapeUrl.includes(exporter) && health === 'up')
      );
    });
    const samples = await query('{job="blackbox"}');
    return samples
      .map(({ metric: { __name__: name = '', ...labels }, value }) => {
        const timing = /_seconds$/.test(name) && !name.includes('timestamp');
        return `${name}${JSON.stringify(Object.entries(labels).sort())} ${timing ? '' : value[1]}`;
      })
      .filter((series) => !series.startsWith('scrape_'))
      .sort();
  }

  beforeAll(async () => {
    site = await startHttp((request, response) =>
      response.writeHead(request.url === '/' ? 200 : 410).end('hello'),
    );
    blackboxAddress = `127.0.0.1:${await closedPort()}`;
    const port = await closedPort();
    prometheusUrl = `http://127.0.0.1:${port}`;
    const modules = { modules: { http_2xx: { prober: 'http', http: { preferred_ip_protocol: 'ip4' } } } };
    writeFileSync(join(folder.path, 'blackbox.yml'), JSON.stringify(modules));
    configure(blackboxAddress);
    start(peer('blackbox_exporter'), [
      '--config.file=blackbox.yml',
      `--web.listen-address=${blackboxAddress}`,
    ]);
    prometheus = start(peer('prometheus'), [
      `--config.file=${configFile}`,
      '--storage.tsdb.path=tsdb',
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    tocsin = await startTocsin({
      config: 'probe_endpoint: { modules_file: blackbox.yml }\nhost: { enabled: false }\n',
      folder: folder.path,
    });
    await until(() => answers(`http://${blackboxAddress}/-/healthy`));
    await until(() => answers(`${prometheusUrl}/-/ready`));
  });

  afterAll(async () => {
    const alive = processes.filter(({ exitCode }) => exitCode === null);
    const ended = alive.map((child) => once(child, 'close'));
    for (const child of alive) child.kill('SIGKILL');
    await Promise.all(ended);
    await tocsin.stop();
    await site.close();
    await folder[Symbol.asyncDispose]();
  });

  it('changes only the address', async () => {
    const before = await scraped(blackboxAddress);
    expect(before.some((series) => series.startsWith('probe_success'))).toBe(true);
    configure(new URL(tocsin.url).host);
    prometheus.kill('SIGHUP');
    const after = await scraped(new URL(tocsin.url).host);
    expect(after).toEqual(before);
    const success = await query('probe_success');
    expect(success.map(({ value }) => value[1]).sort()).toEqual(['0', '1']);
  });
});
