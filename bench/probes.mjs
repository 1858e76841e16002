// node bench/probes.mjs [--probes 12000] [--concurrency 8] [--path /]
// Runs the same target and module (http_2xx, a new connection each) through blackbox_exporter and through Tocsin: CPU
// seconds per probe of each process, children and threads included, probes per second, memory, and the ratios of one
// run. First as fast as /probe answers, with a fixed number of concurrent requests; then at the even pace of a
// schedule, where each probe wakes an idle process: blackbox_exporter gets 300 requests a second, and Tocsin runs as
// many by its own schedule. A first pass that is not measured warms up each of them.
import { register } from 'node:module';
import { parseArgs } from 'node:util';
import { Agent, get } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

if (!process.features.typescript) register('../test/prove/typescript-loader.mjs', import.meta.url);
const { peer } = await import('../test/support/processes/peer-programs.ts');
const { freePort, startProcess } = await import('../test/support/processes/process.ts');
const { startLoadTargets } = await import('../test/support/load/start.ts');
const { processNumbers } = await import('../test/support/storm/process-watch.ts');
const { startTocsin, temporaryFolder } = await import('../test/support/processes/tocsin.ts');

/** Probes a second of a schedule, and for how long it runs before and during the measurement. */
const PACE = 300;
const WARM_SECONDS = 30;
const PACED_SECONDS = 20;

const MODULES = `
modules:
  bench:
    prober: http
    timeout: 60s
    http: { preferred_ip_protocol: ip4, follow_redirects: false }
`;

function options() {
  const { values } = parseArgs({
    options: {
      probes: { type: 'string', default: '12000' },
      concurrency: { type: 'string', default: '8' },
      path: { type: 'string', default: '/' },
    },
  });
  const whole = (name) => {
    const number = Number(values[name]);
    if (Number.isInteger(number) && number > 0) return number;
    throw new Error(`--${name} is "${values[name]}"; expected a whole number of more than 0`);
  };
  return { probes: whole('probes'), concurrency: whole('concurrency'), path: values.path };
}

function ask(agent, url) {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    }).on('error', reject);
  });
}

/** Sends requests to `/probe`, with a limited concurrency; every answer must be a success. */
async function askAll(url, { probes, concurrency }) {
  const agent = new Agent({ keepAlive: true, maxSockets: concurrency });
  let left = probes;
  const worker = async (id) => {
    while (left-- > 0) {
      // targets differ, because concurrent requests with the same target would share one run
      const { status, text } = await ask(agent, `${url}${encodeURIComponent(`?${id}-${left}`)}`);
      if (status !== 200 || !/^probe_success 1$/m.test(text)) throw new Error(`${url}: ${status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, id) => worker(id)));
  agent.destroy();
}

/** Sends requests to `/probe` at an even rate per second, without waiting for answers. */
async function askEvenly(url, seconds) {
  const agent = new Agent({ keepAlive: true });
  const started = performance.now();
  const answers = [];
  for (let i = 0; i < PACE * seconds; i += 1) {
    const wait = started + (i * 1_000) / PACE - performance.now();
    if (wait >= 1) await pause(wait);
    answers.push(ask(agent, `${url}${encodeURIComponent(`?${i}`)}`));
  }
  const bad = (await Promise.all(answers)).find(({ text }) => !/^probe_success 1$/m.test(text));
  if (bad !== undefined) throw new Error(`${url}: ${bad.status} ${bad.text}`);
  agent.destroy();
}

async function atPace(pid, url) {
  await askEvenly(url, WARM_SECONDS);
  const before = processNumbers(pid).cpuSeconds;
  const started = performance.now();
  await askEvenly(url, PACED_SECONDS);
  const after = processNumbers(pid);
  return figures(PACE * PACED_SECONDS, (performance.now() - started) / 1_000, before, after);
}

async function throughEndpoint(pid, url, given) {
  await askAll(url, { ...given, probes: Math.ceil(given.probes / 2) });
  const before = processNumbers(pid).cpuSeconds;
  const started = performance.now();
  await askAll(url, given);
  const seconds = (performance.now() - started) / 1_000;
  const after = processNumbers(pid);
  return figures(given.probes, seconds, before, after);
}

function figures(probes, seconds, cpuBefore, { cpuSeconds, residentBytes }) {
  return { cpuMs: ((cpuSeconds - cpuBefore) / probes) * 1_000, perSecond: probes / seconds, residentBytes };
}

async function blackbox(folder, target, given) {
  const config = join(folder, 'blackbox.yml');
  writeFileSync(config, MODULES);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = [`--config.file=${config}`, `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'];
  const server = await startProcess(peer('blackbox_exporter'), args, {
    ready: async () => (await fetch(`${url}/-/healthy`)).ok,
  });
  try {
    const asked = `${url}/probe?module=bench&target=${encodeURIComponent(target)}`;
    return { fast: await throughEndpoint(server.pid, asked, given), paced: await atPace(server.pid, asked) };
  } finally {
    await server.stop();
  }
}

const BASE = 'server: { node: bench }\nhost: { enabled: false }\nstore: { path: ledger.db }\n';

async function tocsinEndpoint(folder, target, given) {
  writeFileSync(join(folder, 'blackbox.yml'), MODULES);
  const config = `${BASE}probe_endpoint: { modules_file: blackbox.yml }\n`;
  const tocsin = await startTocsin({ folder, config });
  try {
    const url = `${tocsin.url}/probe?module=bench&target=${encodeURIComponent(target)}`;
    return await throughEndpoint(tocsin.pid, url, given);
  } finally {
    await tocsin.stop();
  }
}

/** Checks on their schedule, each every ten seconds. */
async function tocsinSchedule(folder, target) {
  const targets = Array.from({ length: 10 * PACE }, (_, i) => `{ address: '${target}', alias: t${i} }`);
  const config = `${BASE}scheduler: { interval: 10s, timeout: 5s, max_per_host: 10000 }
services:
  - { name: s, targets: [${targets.join(', ')}], http: { preferred_ip_protocol: ip4, follow_redirects: false } }
`;
  const tocsin = await startTocsin({ folder, config });
  try {
    await pause((WARM_SECONDS + 10) * 1_000);
    const runsBefore = await successes(tocsin.url);
    const before = processNumbers(tocsin.pid).cpuSeconds;
    const started = performance.now();
    await pause(PACED_SECONDS * 1_000);
    const after = processNumbers(tocsin.pid);
    const seconds = (performance.now() - started) / 1_000;
    return figures((await successes(tocsin.url)) - runsBefore, seconds, before, after);
  } finally {
    await tocsin.stop();
  }
}

async function successes(url) {
  const page = await (await fetch(`${url}/metrics?name[]=tocsin_probe_runs_total`)).text();
  const count = (result) => {
    const lines = page.matchAll(new RegExp(`^tocsin_probe_runs_total{.*result="${result}".*} (\\d+)$`, 'gm'));
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  if (count('failure') + count('unknown') > 0) throw new Error('a scheduled probe did not succeed');
  return count('success');
}

const ROWS = [
  ['CPU per probe, ms', (one) => one.cpuMs.toFixed(3), (one) => one.cpuMs],
  ['probes a second', (one) => one.perSecond.toFixed(0), (one) => one.perSecond],
  ['resident, MB', (one) => (one.residentBytes / 1e6).toFixed(0), (one) => one.residentBytes],
];

function print(title, name, theirs, ours) {
  const line = (cells) =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(20) : cell.padStart(20))).join(''));
  console.log(title);
  line(['', 'blackbox_exporter', name, 'ratio']);
  for (const [row, shown, value] of ROWS)
    line([row, shown(theirs), shown(ours), (value(ours) / value(theirs)).toFixed(2)]);
  console.log('');
}

const given = options();
const servers = await startLoadTargets();
const folders = [temporaryFolder(), temporaryFolder()];
try {
  const [first, second] = folders.map(({ path }) => path);
  const target = `http://127.0.0.1:${servers.http}${given.path}`;
  const theirs = await blackbox(first, target, given);
  const endpoint = await tocsinEndpoint(first, target, given);
  const schedule = await tocsinSchedule(second, target);
  print(`/probe, ${given.concurrency} requests at a time`, 'Tocsin /probe', theirs.fast, endpoint);
  print(`${PACE} probes a second, evenly`, 'Tocsin schedule', theirs.paced, schedule);
} finally {
  for (const one of [servers, ...folders]) await one[Symbol.asyncDispose]();
}
