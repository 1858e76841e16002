import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseText, type ParsedSample } from '../../support/exposition/exposition-parser.ts';
import { processNumbers } from '../../support/storm/process-watch.ts';
import { startLoadTargets } from '../../support/load/start.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface Load {
  readonly checks: number;
  readonly intervalSeconds: number;
  /** How long it lasts at least. */
  readonly seconds: number;
  /** It ends only when each check has run this often; for a result that does not depend on the machine. */
  readonly runsEach?: number;
}

interface Ports {
  readonly http: number;
  readonly tcp: number;
}

/** This many checks, every tenth of them tcp and the others http, ten to a service. */
function configuration(
  { checks, intervalSeconds }: Pick<Load, 'checks' | 'intervalSeconds'>,
  ports: Ports,
): string {
  const services = Array.from({ length: Math.ceil(checks / 10) }, (_, i) => {
    const tcp = i % 10 === 0;
    const address = (j: number) =>
      tcp
        ? `{ address: '127.0.0.1:${ports.tcp}', alias: 'tcp-${j}' }`
        : `{ address: 'http://127.0.0.1:${ports.http}/${i}/${j}', alias: 'http-${j}' }`;
    const targets = Array.from({ length: Math.min(10, checks - 10 * i) }, (_, j) => address(j));
    return `  - { name: s${i}, targets: [${targets.join(', ')}], ${tcp ? 'tcp' : 'http'}: {} }`;
  });
  return `
server: { node: load }
store: { path: ledger.db }
metrics: { rate_limit: { per_second: 1000, burst: 1000 } }
scheduler: { interval: ${intervalSeconds}s, timeout: ${Math.min(10, intervalSeconds)}s, max_per_host: 100000 }
services:
${services.length === 0 ? '  []' : services.join('\n')}
`;
}

async function samplesOf(tocsin: RunningTocsin, ...families: string[]): Promise<readonly ParsedSample[]> {
  const query = families.map((name) => `name[]=${name}`).join('&');
  const answer = await fetch(`${tocsin.url}/metrics?${query}`, { headers: { connection: 'close' } });
  if (!answer.ok) throw new Error(`/metrics answered ${answer.status}: ${await answer.text()}`);
  return [...parseText(await answer.text()).values()].flatMap(({ samples }) => samples);
}

interface Loaded {
  readonly tocsin: RunningTocsin;
  /** When the process was started, monotonic ms. */
  readonly startedAt: number;
  /** Reloads the configuration with this many checks. */
  reconfigure(checks: number): Promise<void>;
}

async function withLoad<T>(load: Load, use: (loaded: Loaded) => Promise<T>): Promise<T> {
  await using folder = temporaryFolder();
  await using targets = await startLoadTargets();
  const startedAt = performance.now();
  await using tocsin = await startTocsin({ folder: folder.path, config: configuration(load, targets) });
  const reloads = () => tocsin.log.filter(({ msg }) => msg === 'configuration reloaded').length;
  const reconfigure = async (checks: number) => {
    const before = reloads();
    writeFileSync(join(folder.path, 'tocsin.yml'), configuration({ ...load, checks }, targets));
    tocsin.signal('SIGHUP');
    await until(() => reloads() > before, { what: 'a reload' });
  };
  return await use({ tocsin, startedAt, reconfigure });
}

export interface ScheduleRecord {
  /** From the start of the process until the figures were read. */
  readonly seconds: number;
  readonly runs: number;
  /** Runs that did not succeed, and those of them that were not the agent's own fault. */
  readonly notSuccessful: number;
  readonly failed: number;
  readonly shed: number;
  /** Runs of the check with the fewest, and with the most. */
  readonly fewest: number;
  readonly most: number;
  /** Upper bounds of the histogram's buckets, seconds; the actual figure is at most that. */
  readonly lateness: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly cpuSecondsPerRun: number;
  readonly residentBytes: number;
  readonly childrenBytes: readonly number[];
}

/** Runs this many checks for a while, and reports how late they started and whether any run was lost. */
export async function runSchedule(load: Load): Promise<ScheduleRecord> {
  return withLoad(load, async ({ tocsin, startedAt }) => {
    await pause(load.seconds * 1_000);
    if (load.runsEach !== undefined) await untilRun(tocsin, load, load.runsEach);
    const figures = processNumbers(tocsin.pid);
    const runs = await runsOf(tocsin, load);
    const samples = await samplesOf(tocsin, 'tocsin_schedule_lateness_seconds', 'tocsin_schedule_shed_total');
    const seconds = (performance.now() - startedAt) / 1_000;
    return {
      ...runs,
      seconds,
      shed: samples.find(({ name }) => name === 'tocsin_schedule_shed_total')?.value ?? NaN,
      lateness: quantiles(samples),
      cpuSecondsPerRun: figures.cpuSeconds / runs.runs,
      residentBytes: figures.residentBytes,
      childrenBytes: childrenResident(tocsin.pid),
    };
  });
}

/** Resolves when each check has run this often. */
function untilRun(tocsin: RunningTocsin, load: Load, times: number) {
  return until(
    async () => {
      const runs = await runsOf(tocsin, load);
      return runs.fewest >= times && runs;
    },
    { everyMs: 500, lastsMs: times * load.intervalSeconds * 1_000, what: `${times} runs of each check` },
  );
}

/** The runs of all checks so far. */
async function runsOf(tocsin: RunningTocsin, { checks }: Load) {
  const perCheck = new Map<string, number>();
  let [notSuccessful, failed] = [0, 0];
  for (const { labels, value } of await samplesOf(tocsin, 'tocsin_probe_runs_total')) {
    const key = `${labels['service'] ?? ''} ${labels['target'] ?? ''}`;
    perCheck.set(key, (perCheck.get(key) ?? 0) + value);
    if (labels['result'] !== 'success') notSuccessful += value;
    if (labels['result'] === 'failure') failed += value;
  }
  const counts = [...perCheck.values()];
  return {
    runs: counts.reduce((sum, count) => sum + count, 0),
    notSuccessful,
    failed,
    fewest: counts.length < checks ? 0 : counts.reduce((least, count) => Math.min(least, count), Infinity),
    most: counts.reduce((most, count) => Math.max(most, count), 0),
  };
}

function quantiles(samples: readonly ParsedSample[]): ScheduleRecord['lateness'] {
  const buckets = samples
    .filter(({ name }) => name === 'tocsin_schedule_lateness_seconds_bucket')
    .map(({ labels, value }) => ({ bound: Number((labels['le'] ?? '').replace('+Inf', 'Infinity')), value }))
    .sort((a, b) => a.bound - b.bound);
  const total = buckets.at(-1)?.value ?? 0;
  const at = (share: number) => buckets.find(({ value }) => value >= share * total)?.bound ?? Infinity;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export interface FootprintRecord {
  /** From the start of the process until `/-/ready` answers 200, seconds. */
  readonly readySeconds: number;
  readonly residentBytes: number;
  readonly peakBytes: number;
  readonly childrenBytes: readonly number[];
  /** The part of it that they do not share with this process, unlike the program itself. */
  readonly childrenOwnBytes: readonly number[];
  readonly pageBytes: number;
}

/** Starts with this many checks and the host, and scrapes everything every five seconds. */
export async function runFootprint(load: Load): Promise<FootprintRecord> {
  return withLoad(load, async ({ tocsin, startedAt }) => {
    await until(async () => (await fetch(`${tocsin.url}/-/ready`)).ok, { everyMs: 5 });
    const readySeconds = (performance.now() - startedAt) / 1_000;
    const end = performance.now() + load.seconds * 1_000;
    let [peakBytes, pageBytes] = [0, 0];
    while (performance.now() < end) {
      pageBytes = (await (await fetch(`${tocsin.url}/metrics`)).arrayBuffer()).byteLength;
      await pause(5_000);
      peakBytes = Math.max(peakBytes, processNumbers(tocsin.pid).residentBytes);
    }
    const { residentBytes } = processNumbers(tocsin.pid);
    return {
      readySeconds,
      residentBytes,
      peakBytes,
      childrenBytes: childrenResident(tocsin.pid),
      childrenOwnBytes: children(tocsin.pid).map(anonymous),
      pageBytes,
    };
  });
}

interface SoakMoment {
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Open descriptors, including sockets. */
  readonly descriptors: number;
  readonly timers: number;
}

export interface SoakRecord {
  readonly runs: number;
  readonly notSuccessful: number;
  readonly perSecond: number;
  /** Medians of the second quarter of the time (the first one warms up), and of the last. */
  readonly before: SoakMoment;
  readonly after: SoakMoment;
}

/** Probes without a break, and compares the resources used early and late. */
export async function runSoak(load: Load): Promise<SoakRecord> {
  return withLoad(load, async ({ tocsin }) => {
    const moments: SoakMoment[] = [];
    const started = performance.now();
    while (performance.now() - started < load.seconds * 1_000) {
      await pause(Math.max(500, load.seconds * 10));
      moments.push(await moment(tocsin));
    }
    const seconds = (performance.now() - started) / 1_000;
    const { runs, notSuccessful } = await runsOf(tocsin, load);
    const quarter = Math.floor(moments.length / 4);
    return {
      ...{ runs, notSuccessful },
      perSecond: runs / seconds,
      before: medians(moments.slice(quarter, 2 * quarter)),
      after: medians(moments.slice(-quarter)),
    };
  });
}

type Held = Pick<SoakMoment, 'descriptors' | 'timers'>;

export interface LeftoversRecord {
  readonly runs: number;
  readonly failed: number;
  /** What is held while nothing is probed, before all those runs and after them. */
  readonly before: Held;
  readonly after: Held;
}

/** What runs leave behind: looks when there are no checks, twice, and lets each check run `runsEach` times in between. */
export async function runLeftovers(load: Load & { readonly runsEach: number }): Promise<LeftoversRecord> {
  return withLoad(load, async ({ tocsin, reconfigure }) => {
    const atRest = async (held: Held) => {
      const { descriptors, timers } = await moment(tocsin);
      return descriptors <= held.descriptors && timers <= held.timers && { descriptors, timers };
    };
    // everything that is created for the first run exists then
    await untilRun(tocsin, load, 1);
    await reconfigure(0);
    const before = await settled(tocsin);
    await reconfigure(load.checks);
    const { runs, failed } = await untilRun(tocsin, load, load.runsEach);
    await reconfigure(0);
    const after = await until(() => atRest(before), { everyMs: 1_000 }).catch(() => moment(tocsin));
    return { runs, failed, before, after };
  });
}

/** What is held once two looks, a second apart, find the same. */
function settled(tocsin: RunningTocsin): Promise<Held> {
  let last: Held | undefined;
  return until(
    async () => {
      const { descriptors, timers } = await moment(tocsin);
      const same = last?.descriptors === descriptors && last.timers === timers;
      last = { descriptors, timers };
      return same && last;
    },
    { everyMs: 1_000, what: 'the end of all runs' },
  );
}

async function moment(tocsin: RunningTocsin): Promise<SoakMoment> {
  const samples = await samplesOf(tocsin, 'nodejs_active_resources', 'nodejs_heap_size_used_bytes');
  const { residentBytes, sockets: descriptors } = processNumbers(tocsin.pid);
  return {
    residentBytes,
    descriptors,
    heapBytes: samples.find(({ name }) => name === 'nodejs_heap_size_used_bytes')?.value ?? NaN,
    timers: samples.find(({ labels }) => labels['type'] === 'Timeout')?.value ?? 0,
  };
}

function medians(moments: readonly SoakMoment[]): SoakMoment {
  const median = (of: (one: SoakMoment) => number) =>
    moments.map(of).sort((a, b) => a - b)[Math.floor(moments.length / 2)] ?? NaN;
  return {
    residentBytes: median((one) => one.residentBytes),
    heapBytes: median((one) => one.heapBytes),
    descriptors: median((one) => one.descriptors),
    timers: median((one) => one.timers),
  };
}

function children(pid: number): readonly number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return listed === '' ? [] : listed.split(' ').map(Number);
}

/** Resident memory of the children of a process, bytes each. */
function childrenResident(pid: number): readonly number[] {
  return children(pid).map((child) => processNumbers(child).residentBytes);
}

/** Resident memory in bytes that is not backed by a file. @see proc_pid_status(5), RssAnon */
function anonymous(pid: number): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1] ?? NaN) * 1_024;
}
