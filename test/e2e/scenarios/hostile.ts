import { createHmac } from 'node:crypto';
import { existsSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { webhookAlert, webhookPayload } from '../../support/alerts/alerts.ts';
import { startAttackers, type AttackCounts } from '../../support/hostile/attackers.ts';
import { Deliveries } from '../../support/hostile/deliveries.ts';
import {
  startHealthyClients,
  type LoopLag,
  type RequestFigures,
} from '../../support/hostile/healthy-clients.ts';
import { readLedger, type LedgerAccount } from '../../support/hostile/ledger-account.ts';
import { runFaults, type Faults } from '../../support/hostile/faults.ts';
import { startHostileReaders, type HostileCounts } from '../../support/hostile/readers.ts';
import {
  startHostileTargets,
  type HostileTargets,
  type TargetsReport,
} from '../../support/hostile/targets.ts';
import { HMAC_SECRET, probed, startWorld, WEBHOOK_TOKEN } from '../../support/hostile/world.ts';
import { processNumbers, watchProcess } from '../../support/storm/process-watch.ts';
import { temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface HostileRun {
  /** Services that answer, and services that never do. */
  readonly good: number;
  readonly hanging: number;
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  /** Open alerts. */
  readonly alerts: number;
  readonly readers: number;
  readonly seconds: number;
  /** How long the healthy clients wait for an answer. */
  readonly patienceSeconds: number;
  /** How long each of the faults takes once: reloads, pipes, an outage, a log that is not read. */
  readonly roundSeconds: number;
  /** `--max-old-space-size`, MB. */
  readonly heapMb: number;
}

export interface HostileRecord {
  readonly requests: Readonly<Record<string, RequestFigures>>;
  /** Lag of Tocsin's event loop, seconds. */
  readonly lag: LoopLag;
  /** Lag of the event loop of the healthy client, ms: its own share of its figures. */
  readonly clientLag: { readonly p99: number; readonly max: number };
  readonly residentBytes: { readonly before: number; readonly peak: number; readonly after: number };
  /** Share of one core. */
  readonly cpuShare: number;
  readonly deliveries: { readonly sent: number; readonly answered: number };
  readonly ledger: LedgerAccount;
  readonly checks: CheckFigures;
  readonly faults: Faults;
  readonly readers: HostileCounts;
  readonly attacks: Readonly<Record<string, AttackCounts>>;
  readonly floodedBytes: number;
  /** Lost lines, and lines at error that are not about a file that is a pipe. */
  readonly log: { readonly dropped: number; readonly errors: readonly string[] };
  readonly rest: RestFigures;
  readonly end: { readonly exitCode: number | null; readonly seconds: number };
}

interface CheckFigures {
  /** Times between two runs of good services, and those longer than an interval and the timeout. */
  readonly intervals: number;
  readonly late: number;
  readonly longestSeconds: number;
  /** Runs of each hanging service, fewest and most. */
  readonly hangingRuns: { readonly fewest: number; readonly most: number };
}

/** After the storm. */
interface RestFigures {
  /** Until no event stream is open, and no connection except those of the healthy clients. */
  readonly seconds: number;
  readonly connections: number;
  /** Statuses of as many reads, probes and signed deliveries from a new address as one address may have at a time. */
  readonly statuses: readonly number[];
  readonly lastReloadSuccessful: number;
}

interface Stage {
  readonly tocsin: RunningTocsin;
  readonly targets: HostileTargets;
  readonly folder: string;
  readonly run: HostileRun;
}

/** What must be logged at error when a file to be read is a pipe. */
const DUE_TO_PIPES = /^the configuration was not reloaded|^a targets file cannot be used/;

/** All known attacks at once, beside clients and an Alertmanager that must not notice. */
export async function runHostile(run: HostileRun): Promise<HostileRecord> {
  await using folder = temporaryFolder();
  await using targets = await startHostileTargets();
  await using tocsin = await startWorld({ ...run, folder: folder.path, targets });
  const deliveries = new Deliveries(`${tocsin.url}/api/webhooks/alertmanager/main`, WEBHOOK_TOKEN);
  await deliveries.fill(run.alerts);
  await until(async () => (await targets.report()).good.length === run.good, {
    everyMs: 500,
    lastsMs: run.intervalSeconds * 1_000,
  });
  const stage = { tocsin, targets, folder: folder.path, run };
  const before = processNumbers(tocsin.pid);
  const since = Date.now();
  const storm = await runStorm(stage, deliveries);
  const rest = await findRest(stage);
  const { account } = deliveries;
  const { failed } = storm.faults;
  const mayFail = (service: string) => !service.startsWith('good-') || failed.includes(service);
  const ledger = await readLedger(tocsin.url, { expected: account.expected, since, mayFail });
  const after = processNumbers(tocsin.pid).residentBytes;
  const dropped = await metric(tocsin.url, 'tocsin_log_messages_dropped_total');
  const end = await endInTheStorm(stage);
  const errors = tocsin.log.filter(({ level, msg }) => level === 'error' && !DUE_TO_PIPES.test(msg));
  const { peakBytes, cpuSeconds, report, ...figures } = storm;
  return {
    ...figures,
    residentBytes: { before: before.residentBytes, peak: peakBytes, after },
    cpuShare: (cpuSeconds - before.cpuSeconds) / report.seconds,
    deliveries: { sent: account.sent, answered: account.answered },
    ledger,
    checks: checkFigures(report, run),
    floodedBytes: report.floodedBytes,
    log: { dropped, errors: errors.map((entry) => JSON.stringify(entry)) },
    rest,
    end,
  };
}

async function runStorm({ tocsin, targets, folder, run }: Stage, deliveries: Deliveries) {
  const watch = watchProcess(tocsin.pid);
  const clientLag = monitorEventLoopDelay({ resolution: 1 });
  // first, since an Alertmanager and a Prometheus have their connections before a storm
  const healthy = startHealthyClients({
    url: tocsin.url,
    deliver: (signal) => deliveries.send(signal),
    timeoutMs: run.patienceSeconds * 1_000,
  });
  const attack = await startAttack({ tocsin, targets, folder, run });
  targets.mark();
  clientLag.enable();
  const faults = await runFaults({ ...run, tocsin, folder, targets });
  clientLag.disable();
  const report = await targets.report();
  const asked = await healthy.stop();
  const { cpuSeconds } = processNumbers(tocsin.pid);
  const attacked = await attack.stop();
  watch.stop();
  return {
    ...asked,
    ...attacked,
    faults,
    report,
    cpuSeconds,
    clientLag: { p99: clientLag.percentile(99) / 1e6, max: clientLag.max / 1e6 },
    peakBytes: watch.peak().residentBytes,
  };
}

async function startAttack({ tocsin, targets, run }: Stage) {
  const port = Number(new URL(tocsin.url).port);
  const { large, hanging } = probed(targets);
  const readers = await startHostileReaders({ port, clients: run.readers, addresses: 40 });
  const attackers = await startAttackers({ port, large, hanging });
  return {
    stop: async () => ({ readers: await readers.stop(), attacks: await attackers.stop() }),
  };
}

function checkFigures({ good, hanging }: TargetsReport, run: HostileRun): CheckFigures {
  const gaps = good.flatMap(({ gapsMs }) => gapsMs);
  const limit = (run.intervalSeconds + run.timeoutSeconds) * 1_000;
  const runs = hanging.map(({ count }) => count);
  return {
    intervals: gaps.length,
    late: gaps.filter((gap) => gap > limit).length,
    longestSeconds: gaps.reduce((longest, gap) => Math.max(longest, gap), 0) / 1_000,
    hangingRuns: {
      fewest: runs.length < run.hanging ? 0 : Math.min(...runs),
      most: Math.max(...runs),
    },
  };
}

/** Connections of the healthy clients, which may keep some of theirs a little. */
const OF_WHO_ASKS = 8;
const AT_A_TIME = 16;

async function findRest({ tocsin, targets }: Stage): Promise<RestFigures> {
  const began = performance.now();
  const { url } = tocsin;
  const connections = await until(
    async () => {
      const open = await metric(url, 'tocsin_http_open_connections');
      return open <= OF_WHO_ASKS && (await metric(url, 'tocsin_event_streams')) === 0 && open;
    },
    { everyMs: 500, what: 'the end of the connections and streams of the storm' },
  );
  const seconds = (performance.now() - began) / 1_000;
  const lastReloadSuccessful = await metric(url, 'tocsin_config_last_reload_successful');
  const probe = `${url}/probe?module=http_2xx&target=${encodeURIComponent(probed(targets).good)}`;
  const answers = await Promise.all([
    ...Array.from({ length: AT_A_TIME }, () => fetch(`${url}/health`)),
    ...Array.from({ length: AT_A_TIME }, () => fetch(probe)),
    signedDelivery(url),
  ]);
  await Promise.all(answers.map((answer) => answer.arrayBuffer()));
  return {
    seconds,
    connections,
    lastReloadSuccessful,
    statuses: answers.map(({ status }) => status),
  };
}

/** As Grafana sends it, with only its signature. */
function signedDelivery(url: string): Promise<Response> {
  const body = JSON.stringify(webhookPayload([webhookAlert({ alertname: 'Signed', instance: 'signed' })]));
  return fetch(`${url}/api/webhooks/alertmanager/grafana`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-signature': createHmac('sha256', HMAC_SECRET).update(body).digest('hex'),
    },
    body,
  });
}

/** SIGTERM during a second storm, while no one reads the log. */
async function endInTheStorm(stage: Stage): Promise<HostileRecord['end']> {
  const { tocsin } = stage;
  const attack = await startAttack(stage);
  await metric(tocsin.url, 'tocsin_http_open_connections', stage.run.readers / 2);
  tocsin.readLog(false);
  const began = performance.now();
  tocsin.signal('SIGTERM');
  await until(() => !existsSync(`/proc/${tocsin.pid}`), { what: 'the end of Tocsin' });
  const seconds = (performance.now() - began) / 1_000;
  tocsin.readLog(true);
  await attack.stop();
  return { exitCode: await tocsin.stop(), seconds };
}

/** The value of a metric without labels, once it is at least this large. */
async function metric(url: string, name: string, least = -Infinity): Promise<number> {
  return until(async () => {
    const answer = await fetch(`${url}/metrics?collect[]=tocsin`, { signal: AbortSignal.timeout(10_000) });
    const value = new RegExp(`^${name} (\\S+)`, 'm').exec(await answer.text())?.[1];
    // zero is a value too
    return value !== undefined && Number(value) >= least && { value: Number(value) };
  }).then(({ value }) => value);
}
