// The host's metrics: Tocsin beside node_exporter with the same collectors, 8 clients without a pause between requests.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CLIENTS = 8;

const { peer } = await import('../../test/support/processes/peer-programs.ts');
const { startTocsin } = await import('../../test/support/processes/tocsin.ts');
const { startProcess, freePort } = await import('../../test/support/processes/process.ts');
const { collectors } = await import('../../src/host/registry.ts');

const CONFIG = `
metrics: { rate_limit: { per_second: 1000000, burst: 1000000 }, max_in_flight: 1000 }
server: { max_connections: 1000, max_connections_per_address: 1000 }
`;

/** node_exporter's names for Tocsin's collectors; those that it does not have are left out. */
function flags({ stdout, stderr }) {
  const known = collectors
    .map(({ name }) => `--collector.${name}`)
    .filter((flag) => `${stdout}${stderr}`.includes(`${flag} `));
  return ['--collector.disable-defaults', ...known];
}

async function startNodeExporter() {
  const command = peer('node_exporter');
  const help = spawnSync(command, ['--help'], { encoding: 'utf8' });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [
    ...flags(help),
    `--web.listen-address=127.0.0.1:${port}`,
    '--web.max-requests=0',
    '--log.level=error',
  ];
  const running = await startProcess(command, args, { ready: async () => (await fetch(url)).ok });
  return { url, pid: running.pid, stop: () => running.stop() };
}

async function startOurs(folder) {
  writeFileSync(join(folder, 'tocsin.yml'), CONFIG);
  const running = await startTocsin({ config: CONFIG, folder });
  return { url: running.url, pid: running.pid, stop: () => running.stop() };
}

/** Seconds of CPU that a process has used so far, all of its threads. */
function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function ask(url, agent, headers) {
  return new Promise((resolve, reject) => {
    get(`${url}/metrics`, { agent, headers }, (response) => {
      let bytes = 0;
      response.on('data', (chunk) => (bytes += chunk.length));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(bytes) : reject(new Error(`status ${response.statusCode}`)),
      );
      response.on('error', reject);
    }).on('error', reject);
  });
}

async function storm({ url, pid }, seconds, headers) {
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const run = async (until) => {
    let [requests, bytes] = [0, 0];
    const client = async () => {
      while (performance.now() < until) {
        bytes = await ask(url, agent, headers);
        requests += 1;
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
    return { requests, bytes };
  };
  await run(performance.now() + 1_000);
  const cpu = cpuSeconds(pid);
  const start = performance.now();
  const { requests, bytes } = await run(start + seconds * 1_000);
  const took = (performance.now() - start) / 1_000;
  agent.destroy();
  return { perSecond: requests / took, cpuMs: ((cpuSeconds(pid) - cpu) * 1_000) / requests, bytes };
}

async function familiesOf({ url }) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return new Set([...text.matchAll(/^# TYPE (node_\S+)/gm)].map(([, name]) => name));
}

/** @returns requests per second and CPU per request of both, and how many families they share */
export async function measureHost(seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'));
  const ours = await startOurs(folder);
  const theirs = await startNodeExporter();
  try {
    const [our, their] = [await familiesOf(ours), await familiesOf(theirs)];
    const shared = [...our].filter((name) => their.has(name)).length;
    const rounds = [];
    for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
      rounds.push({
        compressed: 'accept-encoding' in headers,
        ours: await storm(ours, seconds, headers),
        theirs: await storm(theirs, seconds, headers),
      });
    }
    return { families: { ours: our.size, theirs: their.size, shared }, rounds };
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}
