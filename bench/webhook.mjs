// Webhook intake beside two plain handlers: one that only parses (the limit), and one that inserts each alert by itself
// with an fsync (the usual way). Usage: node bench/webhook.mjs [seconds per row] [only this server]; needs `npm run build`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const seconds = Number(process.argv[2] ?? 10);
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tocsin-bench-'));
const stallFile = join(folder, 'stall');
let nextId = 0;

/** Alerts differ in digits of a fixed width, so that a body is made by writing them into a copy. */
const DIGITS = 9;
const PLACE = '\u0001'.repeat(DIGITS);
const FINGERPRINT = '\u0002'.repeat(16);

function template(count, pad) {
  const alert = JSON.stringify({
    status: 'firing',
    labels: {
      alertname: 'InstanceDown',
      cluster: 'prod-eu-1',
      instance: 'worker-PLACE.example.org:9100',
      job: 'node',
      pod: 'worker-PLACE',
      severity: 'critical',
    },
    annotations: {
      description: `The instance PLACE of job node has been down for more than five minutes. ${'x'.repeat(pad)}`,
      summary: 'Instance PLACE down',
    },
    startsAt: '2026-01-31T10:00:00.123456789Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1',
    fingerprint: 'FINGERPRINT',
  })
    .replaceAll('PLACE', PLACE)
    .replaceAll('FINGERPRINT', FINGERPRINT);
  const bytes = Buffer.from(
    `{"version":"4","receiver":"tocsin","status":"firing","groupKey":"{}:{}","truncatedAlerts":0,"externalURL":"http://alertmanager:9093","groupLabels":{},"commonLabels":{"alertname":"InstanceDown"},"commonAnnotations":{},"alerts":[${Array(count).fill(alert).join(',')}]}`,
  );
  const ids = [];
  const fingerprints = [];
  for (let i = bytes.indexOf(1); i >= 0; i = bytes.indexOf(1, i + DIGITS)) ids.push(i);
  for (let i = bytes.indexOf(2); i >= 0; i = bytes.indexOf(2, i + 16)) fingerprints.push(i);
  return { bytes, ids, fingerprints, perAlert: ids.length / count };
}

const templates = new Map();
const HEX = Buffer.from('0123456789abcdef');

function writeHex(body, at, number) {
  for (let i = 7; i >= 0; i--, number >>>= 4) body[at + i] = HEX[number & 15];
}

/** A body of alerts that were never sent before; cheap to make, because the sender shares the two cores. */
function payload(count, pad = 0) {
  const key = `${count} ${pad}`;
  if (!templates.has(key)) templates.set(key, template(count, pad));
  const { bytes, ids, fingerprints, perAlert } = templates.get(key);
  const body = Buffer.from(bytes);
  for (let i = 0; i < count; i++) {
    const id = nextId++;
    const first = ids[i * perAlert];
    for (let digit = DIGITS - 1, rest = id; digit >= 0; digit--, rest = Math.floor(rest / 10)) {
      body[first + digit] = 48 + (rest % 10);
    }
    for (let j = 1; j < perAlert; j++) body.copyWithin(ids[i * perAlert + j], first, first + DIGITS);
    writeHex(body, fingerprints[i], Math.imul(id + 1, 0x9e3779b1));
    writeHex(body, fingerprints[i] + 8, Math.imul(id + 1, 0x85ebca6b));
  }
  return body;
}

async function start(args, env = {}) {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...env, STALL_FILE: stallFile },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /"url":"(http:[^"]+)"/.exec(line);
    if (match) {
      child.stdout.resume();
      return { child, url: new URL(match[1]) };
    }
  }
  throw new Error(`${args.join(' ')} did not listen`);
}

const SERVERS = {
  // as `npm start` starts it
  tocsin: () =>
    start([
      '--max-semi-space-size=8',
      ...['--import', join(root, 'bench/stall.mjs')],
      join(root, 'dist/main.js'),
      ...['serve', '--listen', '127.0.0.1:0', '--log-level', 'info'],
    ]),
  'plain Express, parses only': () => start([join(root, 'bench/webhook-plain.mjs'), 'parse', folder]),
  'plain Express, inserts each alert': () => start([join(root, 'bench/webhook-plain.mjs'), 'insert', folder]),
};

function post(agent, url, body) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const request = http.request(
      {
        agent,
        host: url.hostname,
        port: url.port,
        path: '/api/webhooks/alertmanager',
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': body.length },
      },
      (response) => {
        response.resume();
        response.once('end', () => resolve({ status: response.statusCode, ms: performance.now() - started }));
      },
    );
    request.once('error', reject);
    request.end(body);
  });
}

const quantile = (sorted, q) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
const MIB = 2 ** 20;
function memory(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / MIB;
}
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function load({ child, url }, { perRequest, connections }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const latencies = [];
  const statuses = {};
  const end = performance.now() + seconds * 1_000;
  const [cpuBefore, started] = [cpu(child.pid), performance.now()];
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, memory(child.pid))), 250);
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (performance.now() < end) {
        const { status, ms } = await post(agent, url, payload(perRequest));
        statuses[status] = (statuses[status] ?? 0) + 1;
        latencies.push(ms);
      }
    }),
  );
  clearInterval(watch);
  const elapsed = (performance.now() - started) / 1_000;
  latencies.sort((a, b) => a - b);
  agent.destroy();
  const ok = statuses[200] ?? 0;
  return {
    requests: ok / elapsed,
    alerts: (ok * perRequest) / elapsed,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    cpu: (cpu(child.pid) - cpuBefore) / elapsed,
    rss: peak,
    statuses,
  };
}

/** The longest stall of the server's event loop since the previous call, in milliseconds. */
async function stallOf({ child }) {
  rmSync(stallFile, { force: true });
  child.kill('SIGUSR2');
  while (!existsSync(stallFile) || readFileSync(stallFile, 'utf8') === '') await setTimeout(1);
  return Number(readFileSync(stallFile, 'utf8'));
}

/** 20,000 alerts in one body, while others post one each. */
async function large(server) {
  const { child, url } = server;
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  const body = payload(20_000, 1_000);
  for (let i = 0; i < 200; i++) await post(agent, url, payload(1));
  let done = false;
  const small = [];
  let peak = 0;
  await stallOf(server);
  const watch = setInterval(() => (peak = Math.max(peak, memory(child.pid))), 20);
  const taken = post(agent, url, body).finally(() => (done = true));
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while (!done) small.push((await post(agent, url, payload(1))).ms);
    }),
  );
  const { status, ms } = await taken;
  const stall = await stallOf(server);
  for (let i = 0; i < 50; i++) await post(agent, url, payload(1));
  clearInterval(watch);
  agent.destroy();
  small.sort((a, b) => a - b);
  return {
    megabytes: body.length / 1e6,
    status,
    ms,
    others: small.length,
    p99: quantile(small, 0.99),
    max: small.at(-1),
    stall,
    rss: peak,
  };
}

async function stop({ child }) {
  child.kill('SIGTERM');
  await once(child, 'exit');
}

const round = (value) => (value >= 100 ? Math.round(value) : Number(value.toFixed(1)));
const rows = {};
const only = process.argv[3];
for (const [name, begin] of Object.entries(SERVERS)) {
  if (only !== undefined && only !== name) continue;
  const server = await begin();
  try {
    const single = await load(server, { perRequest: 1, connections: 64 });
    const hundred = await load(server, { perRequest: 100, connections: 16 });
    rows[name] = { single, hundred };
    for (const [what, figures] of Object.entries({ 'one alert each': single, '100 alerts each': hundred })) {
      const { requests, alerts, p50, p99, cpu: cores, rss, statuses } = figures;
      console.log(
        `${name}, ${what}: ${round(requests)} requests/s, ${round(alerts)} alerts/s, p50 ${round(p50)} ms, p99 ${round(p99)} ms, ` +
          `${round(cores)} cores, ${round(rss)} MiB, ${JSON.stringify(statuses)}`,
      );
    }
  } finally {
    await stop(server);
  }
  if (name !== 'tocsin') continue;
  rmSync(join(folder, 'data'), { recursive: true, force: true });
  const fresh = await begin();
  try {
    const { megabytes, status, ms, others, p99, max, stall, rss } = await large(fresh);
    console.log(
      `tocsin, 20,000 alerts in one body (${round(megabytes)} MB): ${status} after ${round(ms)} ms; ${others} other deliveries meanwhile, ` +
        `p99 ${round(p99)} ms, longest ${round(max)} ms; longest stall of the event loop ${round(stall)} ms; ${round(rss)} MiB`,
    );
  } finally {
    await stop(fresh);
  }
}
const { tocsin, ...plain } = rows;
for (const [name, { single, hundred }] of Object.entries(plain)) {
  console.log(
    `ratio tocsin / ${name}: ${(tocsin.single.requests / single.requests).toFixed(2)} in requests, ` +
      `${(tocsin.hundred.alerts / hundred.alerts).toFixed(2)} in alerts`,
  );
}
rmSync(folder, { recursive: true, force: true });
