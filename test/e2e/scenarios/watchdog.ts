import { setTimeout as pause } from 'node:timers/promises';
import { json, startChain, startListener } from '../../support/alerts/chain.ts';
import { temporaryFolder } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface WatchdogOptions {
  readonly expectEverySeconds: number;
  /** Interval of scrapes and rules. */
  readonly intervalSeconds: number;
  /** Whether Prometheus and Alertmanager repeat alerts every second or two, instead of as shipped. */
  readonly hurried: boolean;
}

export interface WatchdogRecord {
  /** Seconds from the stop of Prometheus. */
  readonly lost: number;
  readonly degraded: number;
  /** From the loss to the last ping after it; 0 where there was none. */
  readonly lastPing: number;
  /** Pings before the stop, and for how long (s) there were none afterwards. */
  readonly pingsBefore: number;
  readonly silentFor: number;
  /** Seconds from the start of Prometheus. */
  readonly restored: number;
  readonly pingedAgain: number;
  readonly event: { readonly time: string; readonly data: Readonly<Record<string, unknown>> };
  readonly types: readonly string[];
}

interface Health {
  readonly status: string;
  readonly dependencies: Readonly<Record<string, boolean>>;
}
interface Events {
  readonly events: readonly {
    readonly type: string;
    readonly time: string;
    readonly data: Readonly<Record<string, unknown>>;
  }[];
}

const HURRY = (shipped: string) =>
  shipped.replace(
    'group_interval: 30s\n      repeat_interval: 50s',
    'group_interval: 2s\n      repeat_interval: 1s',
  );

/** Prometheus is stopped and restarted: Tocsin reports it, and stops the dead man's switch in the meantime. */
export async function runWatchdog(options: WatchdogOptions): Promise<WatchdogRecord> {
  const { expectEverySeconds, intervalSeconds, hurried } = options;
  await using folder = temporaryFolder();
  const listener = await startListener();
  const chain = await startChain({
    folder: folder.path,
    intervalSeconds,
    ...(hurried && { routes: HURRY, prometheusArgs: ['--rules.alert.resend-delay=1s'] }),
    config: () => `
watchdogs: [{ name: prometheus, match: { alertname: Watchdog }, expect_every: ${expectEverySeconds}s }]
ping_url: ${listener.url}/ping
`,
  });
  const { url } = chain.tocsin;
  const health = () => json<Health>(`${url}/health`);
  const events = async () => (await json<Events>(`${url}/api/v1/events?type=tocsin.watchdog.*`)).events;
  const lastsMs = 4 * expectEverySeconds * 1_000;
  const since = (start: number) => (Date.now() - start) / 1_000;
  try {
    await chain.startPrometheus();
    await until(() => listener.hits.length >= 2, { lastsMs, what: 'two pings' });
    const pingsBefore = listener.hits.length;
    await chain.stopPrometheus();
    const stopped = Date.now();
    // a watchdog that was not received in time while everything started does not count
    const later = async () => (await events()).filter(({ time }) => Date.parse(time) >= stopped);
    const event = await until(async () => (await later())[0], { lastsMs, what: 'watchdog.lost' });
    const [lost, lostAt] = [since(stopped), Date.now()];
    await until(async () => (await health()).status === 'degraded', { lastsMs, what: 'degraded' });
    const degraded = since(stopped);
    await pause(Math.min(expectEverySeconds, 60) * 2_000);
    const late = listener.hits.filter(({ at }) => at > lostAt);
    const lastPing = late.reduce((last, { at }) => Math.max(last, (at - lostAt) / 1_000), 0);
    const silentFor = since(Math.max(lostAt, ...late.map(({ at }) => at)));
    const received = listener.hits.length;
    await chain.startPrometheus();
    const started = Date.now();
    await until(async () => (await health()).status === 'healthy', { lastsMs, what: 'healthy again' });
    const restored = since(started);
    await until(() => listener.hits.length > received, { lastsMs, what: 'a ping again' });
    const pingedAgain = since(started);
    const types = await until(async () => {
      const all = await later();
      return all.length >= 2 ? all.map(({ type }) => type) : undefined;
    });
    return { lost, degraded, lastPing, pingsBefore, silentFor, restored, pingedAgain, event, types };
  } finally {
    await chain.stop();
    await listener.stop();
  }
}
