import { setTimeout as pause } from 'node:timers/promises';
import { startHealthyClient, quantile, type Requests } from '../../support/hostile/healthy-client.ts';
import { startHostileReaders, type HostileCounts } from '../../support/hostile/readers.ts';
import { startLoadTargets } from '../../support/load/start.ts';
import { webhookAlert, webhookPayload } from '../../support/alerts/alerts.ts';
import { processNumbers, watchProcess } from '../../support/storm/process-watch.ts';
import { startTocsin, temporaryFolder } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface HostileReadsRun {
  readonly services: number;
  readonly alerts: number;
  readonly readers: number;
  /** Addresses of the readers. */
  readonly addresses: number;
  readonly seconds: number;
  /** How long the healthy clients wait for an answer. */
  readonly patienceSeconds: number;
  /** `--max-old-space-size`, MB. */
  readonly heapMb: number;
}

export interface HostileReadsRecord {
  readonly counts: HostileCounts;
  /** Response times of `/-/healthy`, ms. */
  readonly healthy: { readonly median: number; readonly p99: number; readonly most: number };
  /** Response times of deliveries of one alert each, ms. */
  readonly webhook: { readonly count: number; readonly p99: number };
  /** Answers to a healthy client other than 200. */
  readonly failed: readonly string[];
  readonly residentBytes: { readonly before: number; readonly peak: number };
  /** A read from another address, when the readers are gone. */
  readonly after: { readonly status: number; readonly alertsCount: number };
  /** Open alerts that the API lists then, and those whose deliveries were answered with 200. */
  readonly listed: number;
  readonly delivered: number;
  /** Log lines that require action by a person. */
  readonly errors: readonly string[];
}

const PER_DELIVERY = 200;

/** Clients that request everything and read nothing, pipeline or abort, beside a `/-/healthy` client and a sender. */
export async function runHostileReads(run: HostileReadsRun): Promise<HostileReadsRecord> {
  await using folder = temporaryFolder();
  await using targets = await startLoadTargets();
  const options = { config: configuration(run.services, targets.http), folder: folder.path };
  const env = { NODE_OPTIONS: `--max-old-space-size=${run.heapMb}` };
  await using tocsin = await startTocsin({ ...options, env });
  for (let first = 0; first < run.alerts; first += PER_DELIVERY) {
    await deliver(tocsin.url, first, Math.min(PER_DELIVERY, run.alerts - first));
  }
  await until(async () => (await countOpen(tocsin.url)) === run.alerts);
  const before = processNumbers(tocsin.pid).residentBytes;
  const watch = watchProcess(tocsin.pid);
  const port = Number(new URL(tocsin.url).port);
  const readers = await startHostileReaders({ port, clients: run.readers, addresses: run.addresses });
  const timeoutMs = run.patienceSeconds * 1_000;
  const healthy = startHealthyClient(20, (signal) => fetch(`${tocsin.url}/-/healthy`, { signal }), timeoutMs);
  let next = run.alerts;
  const sender = startHealthyClient(250, (signal) => deliver(tocsin.url, next++, 1, signal), timeoutMs);
  await pause(run.seconds * 1_000);
  const [asked, sent, counts] = [await healthy.stop(), await sender.stop(), await readers.stop()];
  watch.stop();
  const { residentBytes: peak } = watch.peak();
  const after = await until(async () => {
    const answer = await read(tocsin.url);
    return answer.status === 200 && answer;
  });
  const listed = await countOpen(tocsin.url);
  const delivered = run.alerts + sent.ms.length - sent.failed.length;
  const errors = tocsin.log.filter(({ level }) => level === 'error').map(({ msg }) => msg);
  return {
    ...figures(asked, sent),
    counts,
    residentBytes: { before, peak },
    after,
    listed,
    delivered,
    errors,
  };
}

function figures(asked: Requests, sent: Requests) {
  const [median, p99, most] = [0.5, 0.99, 1].map((share) => quantile(asked.ms, share));
  return {
    healthy: { median: median ?? NaN, p99: p99 ?? NaN, most: most ?? NaN },
    webhook: { count: sent.ms.length, p99: quantile(sent.ms, 0.99) },
    failed: [...asked.failed, ...sent.failed],
  };
}

function configuration(services: number, port: number): string {
  const lines = Array.from(
    { length: services },
    (_, i) => `  - { name: service-${i}, target: 'http://127.0.0.1:${port}/${i}', http: {} }`,
  );
  return `scheduler: { interval: 30s, max_per_host: 128 }\nservices:\n${lines.join('\n')}\n`;
}

function deliver(url: string, first: number, count: number, signal?: AbortSignal): Promise<Response> {
  const alerts = Array.from({ length: count }, (_, i) =>
    webhookAlert({
      alertname: 'DiskFull',
      severity: 'critical',
      service: `service-${(first + i) % 1_000}`,
      instance: `node-${first + i}.example:9100`,
    }),
  );
  return fetch(`${url}/api/webhooks/alertmanager`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(webhookPayload(alerts)),
    ...(signal && { signal }),
  });
}

async function read(url: string): Promise<HostileReadsRecord['after']> {
  const answer = await fetch(`${url}/health`);
  const body = (await answer.json()) as { alerts_count?: number };
  return { status: answer.status, alertsCount: body.alerts_count ?? -1 };
}

async function countOpen(url: string): Promise<number> {
  let count = 0;
  for (let after = ''; ;) {
    const answer = await fetch(`${url}/api/v1/alerts?limit=10000${after}`);
    const { alerts, next_after } = (await answer.json()) as {
      alerts: unknown[];
      next_after: string | null;
    };
    count += alerts.length;
    if (next_after === null) return count;
    after = `&after=${next_after}`;
  }
}
