// One contender in a separate process: node bench/scrape/contender.mjs NAME SERIES ROUNDS, prints JSON. The CPU is that
// of all its threads (event loop, garbage collector, zlib's pool).
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createPromClient } from './prom-client.mjs';
import { createTocsin } from './tocsin.mjs';

const [name, series, rounds] = process.argv.slice(2);
const contender = name === 'tocsin' ? createTocsin(Number(series)) : createPromClient(Number(series));

/** Every share of changed values in text, compressed and not; the other formats with all values changed. */
const CASES = [
  ...[false, true].flatMap((compressed) =>
    [1, 0.5, 0].map((share) => ({ format: 'text', compressed, share })),
  ),
  ...(name === 'tocsin'
    ? ['openmetrics', 'protobuf'].flatMap((format) =>
        [false, true].map((compressed) => ({ format, compressed, share: 1 })),
      )
    : []),
];
const WARM_UP = 5;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Changes values outside the measured time and CPU: only scrapes are measured. */
async function prepare(share) {
  if (share > 0) contender.change(share);
  globalThis.gc?.({ type: 'minor' });
  await pause(2);
}

async function cpuOf(format, compressed, share) {
  await prepare(share);
  const before = process.cpuUsage();
  const start = performance.now();
  const bytes = await contender.scrape(format, compressed);
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000, wallMs, bytes };
}

/** The longest time between two turns of the event loop, as a timer of a millisecond sees it (up to 1 ms too much). */
async function stallOf(format, compressed, share) {
  await prepare(share);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await pause(4);
  await contender.scrape(format, compressed);
  await pause(4);
  delay.disable();
  return delay.max / 1e6;
}

function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
}

async function measure({ format, compressed, share }) {
  // prom-client's values hardly vary, and take long
  const times = name === 'tocsin' ? Number(rounds) : Math.ceil(Number(rounds) / 10);
  for (let i = 0; i < WARM_UP; i += 1) await cpuOf(format, compressed, share);
  const costs = [];
  for (let i = 0; i < times; i += 1) costs.push(await cpuOf(format, compressed, share));
  const stalls = [];
  for (let i = 0; i < times; i += 1) stalls.push(await stallOf(format, compressed, share));
  const mean = (read) => costs.reduce((sum, cost) => sum + read(cost), 0) / costs.length;
  return {
    format,
    compressed,
    share,
    cpuMs: mean(({ cpuMs }) => cpuMs),
    medianCpuMs: quantile(
      costs.map(({ cpuMs }) => cpuMs),
      0.5,
    ),
    wallMs: quantile(
      costs.map(({ wallMs }) => wallMs),
      0.5,
    ),
    bytes: costs.at(-1).bytes,
    stallP50: quantile(stalls, 0.5),
    stallP99: quantile(stalls, 0.99),
    scrapes: times,
  };
}

// Tocsin's timers do not keep a process alive by themselves
const alive = setInterval(() => undefined, 60_000);
const results = [];
for (const each of CASES) results.push(await measure(each));
clearInterval(alive);
console.log(JSON.stringify({ results, residentMb: process.memoryUsage().rss / 1e6 }));
