import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { EventLoad, percentile } from '../../support/ledger/event-load.ts';
import { freePort } from '../../support/processes/process.ts';
import { startRedis } from '../../support/processes/redis.ts';
import { startTocsin, temporaryFolder, type RunningTocsin } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface RedisStoppedOptions {
  readonly perSecond: number;
  /** How long Redis runs before and after, and how long it is down in between. */
  readonly upSeconds: number;
  readonly downSeconds: number;
  /** Tocsin is killed (`kill -9`) and restarted while Redis is down. */
  readonly restart: boolean;
}

export interface RedisStoppedRecord {
  readonly seconds: number;
  /** Events in the ledger, and entries of the stream. */
  readonly events: number;
  readonly entries: number;
  readonly missing: number;
  /** Entries of events that are already in the stream. */
  readonly duplicates: number;
  /** First entries of an event that precede that of an earlier event. */
  readonly outOfOrder: number;
  /** The greatest lag in the metrics, and the time from the start of Redis until it was 0 under load. */
  readonly greatestLag: number;
  readonly catchUpSeconds: number;
  readonly failures: number;
  /** p99 of webhook requests, milliseconds, while Redis ran and while it was down. */
  readonly p99Up: number;
  readonly p99Down: number;
}

const STREAM = 'tocsin:events';

/** A Redis that is killed and restarted while events are sent to it. */
export async function runRedisStopped(options: RedisStoppedOptions): Promise<RedisStoppedRecord> {
  await using folder = temporaryFolder();
  await using redisFolder = temporaryFolder();
  const at = { folder: redisFolder.path, port: await freePort() };
  // what it answered is on its disk
  const startDurable = () => startRedis({ at, config: ['appendonly yes', 'appendfsync always'] });
  let redis = await startDurable();
  const config = [
    'store: { path: ledger.db }',
    'host: { enabled: false }',
    `sinks: [{ name: bus, redis: { url: "redis://127.0.0.1:${at.port}", max_length: 10000000 } }]`,
    '',
  ].join('\n');
  const listen = `127.0.0.1:${await freePort()}`;
  const start = () => startTocsin({ folder: folder.path, config, listen });
  let tocsin = await start();
  await until(() => lagOf(tocsin));
  const load = new EventLoad(() => tocsin.url, options.perSecond);
  const began = performance.now();
  await pause(options.upSeconds * 1_000);
  const p99Up = percentile(load.latencies, 0.99);
  await redis.close();
  load.latencies = [];
  await pause((options.downSeconds * 1_000) / 2);
  const p99Down = percentile(load.latencies, 0.99);
  if (options.restart) {
    await tocsin.kill();
    tocsin = await start();
  }
  await pause((options.downSeconds * 1_000) / 2);
  const greatestLag = (await until(() => lagOf(tocsin))).lag;
  redis = await startDurable();
  const back = performance.now();
  // caught up while events continue to arrive: behind by no more than what arrives within a moment
  await until(async () => ((await lagOf(tocsin))?.lag ?? Infinity) <= options.perSecond / 2);
  const catchUpSeconds = (performance.now() - back) / 1_000;
  await pause(options.upSeconds * 1_000);
  await load.stop();
  await until(async () => (await lagOf(tocsin))?.lag === 0);
  const seconds = (performance.now() - began) / 1_000;
  const { failures } = await until(() => lagOf(tocsin));
  const verdict = compare(await ledgerIds(tocsin), await streamIds(at.port));
  await tocsin.stop();
  await redis.close();
  return { ...verdict, seconds, greatestLag, catchUpSeconds, failures, p99Up, p99Down };
}

async function lagOf({ url }: RunningTocsin): Promise<{ lag: number; failures: number } | undefined> {
  const text = await (await fetch(`${url}/metrics?collect[]=tocsin`)).text();
  const value = (name: string) => new RegExp(`^${name}\\{sink="bus"\\} (\\S+)$`, 'm').exec(text)?.[1];
  const lag = value('tocsin_sink_offset_lag');
  return lag === undefined
    ? undefined
    : { lag: Number(lag), failures: Number(value('tocsin_sink_failures_total')) };
}

async function ledgerIds({ url }: RunningTocsin): Promise<string[]> {
  const ids: string[] = [];
  for (let after = ''; ;) {
    const response = await fetch(`${url}/api/v1/events?limit=10000${after}`);
    const page = (await response.json()) as { events: { id: string }[]; next_after: string };
    for (const { id } of page.events) ids.push(id);
    if (page.events.length < 10_000) return ids;
    after = `&after=${page.next_after}`;
  }
}

async function streamIds(port: number): Promise<string[]> {
  const reader = new Redis({ port, protocol: 2 });
  try {
    const ids: string[] = [];
    for (let from = '-'; ;) {
      const entries = await reader.xrange(STREAM, from, '+', 'COUNT', 10_000);
      for (const [, [, id = '']] of entries) ids.push(id);
      const last = entries.at(-1)?.[0];
      if (last === undefined || entries.length < 10_000) return ids;
      from = `(${last}`;
    }
  } finally {
    reader.disconnect();
  }
}

function compare(events: readonly string[], entries: readonly string[]) {
  const first = [...new Set(entries)];
  const there = new Set(first);
  const offsets = first.map((id) => Number(id.split('-').at(-1)));
  return {
    events: events.length,
    entries: entries.length,
    missing: events.filter((id) => !there.has(id)).length,
    duplicates: entries.length - first.length,
    outOfOrder: offsets.filter((offset, i) => i > 0 && offset < (offsets[i - 1] ?? 0)).length,
  };
}
