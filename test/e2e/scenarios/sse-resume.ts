import { setTimeout as pause } from 'node:timers/promises';
import { openStream, type OpenStream, type StreamMessage } from '../../support/http/event-stream.ts';
import { EventLoad } from '../../support/ledger/event-load.ts';
import { freePort } from '../../support/processes/process.ts';
import { startTocsin, temporaryFolder } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface ResumeOptions {
  /** How often the client is killed and reconnects with its last id. */
  readonly kills: number;
  readonly perSecond: number;
  /** How often Tocsin itself is killed (`kill -9`) and restarted in between. */
  readonly restarts: number;
}

export interface ResumeRecord {
  readonly seconds: number;
  readonly perSecond: number;
  readonly kills: number;
  /** Connections that ended without an event. */
  readonly idle: number;
  readonly events: number;
  /** Alerts that were answered with 200 and never arrived. */
  readonly missing: number;
  readonly twice: number;
  readonly outOfOrder: number;
  readonly gaps: number;
}

/** The load comes from this address too: the backlog of a restart needs many connections. */
const CONFIG = [
  'store: { path: ledger.db }',
  'host: { enabled: false }',
  'server: { max_connections_per_address: 1000 }',
  '',
].join('\n');

/** One client that is killed repeatedly while events arrive, and what it received in total. */
export async function runResume(options: ResumeOptions): Promise<ResumeRecord> {
  await using folder = temporaryFolder();
  const listen = `127.0.0.1:${await freePort()}`;
  const start = () => startTocsin({ folder: folder.path, config: CONFIG, listen });
  let tocsin = await start();
  const { url } = tocsin;
  const client = new Client(`${url}/api/v1/events/stream`);
  await client.connect();
  const load = new EventLoad(() => url, options.perSecond);
  const began = performance.now();
  let restarting: Promise<void> = Promise.resolve();
  for (let kill = 1; kill <= options.kills; kill++) {
    // from very short connections to such that receive a few pages
    await pause(Math.random() * 60);
    client.kill();
    if (options.restarts > 0 && kill % Math.ceil(options.kills / (options.restarts + 1)) === 0) {
      restarting = tocsin
        .kill()
        .then(start)
        .then((again) => {
          tocsin = again;
        });
    }
    await client.connect();
  }
  await restarting;
  await load.stop();
  const seconds = (performance.now() - began) / 1_000;
  const wanted = new Set(load.accepted);
  await until(() => [...wanted].every((name) => client.names.has(name)), {
    what: 'every event at the client',
  }).catch(() => undefined);
  client.kill();
  await tocsin.stop();
  return { ...client.verdict(wanted), seconds, perSecond: wanted.size / seconds, kills: options.kills };
}

/** Keeps its last id across its restarts, and everything that it received. */
class Client {
  readonly names = new Set<string>();
  readonly #url: string;
  readonly #ids: string[] = [];
  #gaps = 0;
  #idle = 0;
  #stream: OpenStream | undefined;
  #lastId: string | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  async connect(): Promise<void> {
    this.#stream = await until(async () => {
      const stream = await openStream(this.#url, {
        lastId: this.#lastId,
        onMessage: (message) => this.#hear(message),
      });
      if (stream.status === 200) return stream;
      stream.kill();
      return undefined;
    });
  }

  kill(): void {
    if (this.#stream?.messages.every(({ data }) => data === undefined) === true) this.#idle++;
    this.#stream?.kill();
  }

  #hear({ id, event, data }: StreamMessage): void {
    this.#lastId = id ?? this.#lastId;
    if (event === 'gap') this.#gaps++;
    if (event === 'gap' || data === undefined || id === undefined) return;
    this.#ids.push(id);
    const { data: record } = JSON.parse(data) as { data: { labels?: Record<string, string> } };
    this.names.add(record.labels?.['alertname'] ?? '');
  }

  verdict(wanted: ReadonlySet<string>) {
    const offsets = this.#ids.map((id) => Number(id.split('-').at(-1)));
    return {
      idle: this.#idle,
      events: this.#ids.length,
      missing: [...wanted].filter((name) => !this.names.has(name)).length,
      twice: this.#ids.length - new Set(this.#ids).size,
      outOfOrder: offsets.filter((offset, i) => i > 0 && offset !== (offsets[i - 1] ?? 0) + 1).length,
      gaps: this.#gaps,
    };
  }
}
