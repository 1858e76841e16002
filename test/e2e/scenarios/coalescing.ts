import { setTimeout as pause } from 'node:timers/promises';
import { startScraper } from '../../support/storm/scraper.ts';
import { stopProcess } from '../../support/storm/process-watch.ts';
import { readPage, startStormedTocsin, type StormedServer } from '../../support/storm/servers.ts';
import { temporaryFolder } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface CoalescingOptions {
  readonly seconds: number;
  readonly checks: number;
  readonly intervalSeconds: number;
  /** People with `curl`: each sends this many requests a second, all at the same moment. */
  readonly curls: number;
  readonly perSecond: number;
  /** Of the two Prometheus servers; 1 s. */
  readonly scrapeSeconds?: number;
  /** Whether Tocsin finds all requests of a moment at once, however busy the machine is: it is stopped meanwhile. */
  readonly atOnce?: boolean;
}

export interface CoalescingRecord {
  /** Scrapes of each Prometheus. */
  readonly prometheus: readonly { readonly scrapes: number; readonly failed: number }[];
  readonly asked: number;
  /** Served scrapes, by Tocsin's own count. */
  readonly served: number;
  readonly coalesced: number;
  readonly collections: number;
}

/** Two Prometheus servers that scrape, and clients that ask in a loop. */
export async function runCoalescing(options: CoalescingOptions): Promise<CoalescingRecord> {
  const { checks, intervalSeconds, scrapeSeconds } = options;
  await using folder = temporaryFolder();
  const config = 'metrics: { rate_limit: { per_second: 1000, burst: 1000 } }\n';
  const server = await startStormedTocsin({ folder: folder.path, checks, intervalSeconds, config });
  const target = `127.0.0.1:${server.port}`;
  const scrapers = [
    await startScraper({ folder: folder.path, target, scrapeSeconds, name: 'one' }),
    await startScraper({ folder: folder.path, target, scrapeSeconds, name: 'other' }),
  ];
  try {
    const { counts } = server;
    if (counts === undefined) throw new Error('Tocsin keeps counts');
    const before = await counts();
    const asked = await askInLoops(server, options);
    const prometheus = await Promise.all(scrapers.map((each) => each.numbers(options.seconds)));
    const since = async () => {
      const now = await counts();
      return {
        served: (now.scrapes['served'] ?? 0) - (before.scrapes['served'] ?? 0),
        coalesced: now.coalesced - before.coalesced,
        collections: now.collections - before.collections,
      };
    };
    // whether a response was read is known a second later
    const after = await until(async () => {
      const now = await since();
      return now.served >= asked && now;
    });
    return { prometheus, asked, ...after };
  } finally {
    for (const scraper of scrapers) await scraper.stop();
    await server.stop();
  }
}

async function askInLoops(
  { pid, port }: StormedServer,
  { seconds, curls, perSecond, atOnce = false }: CoalescingOptions,
): Promise<number> {
  const start = performance.now();
  let asked = 0;
  const answers: Promise<string>[] = [];
  while (performance.now() - start < seconds * 1_000) {
    if (atOnce) await stopProcess(pid);
    const sent = Array.from(
      { length: curls },
      () => new Promise<void>((resolve) => answers.push(readPage(port, undefined, resolve))),
    );
    await Promise.all(sent);
    if (atOnce) process.kill(pid, 'SIGCONT');
    asked += curls;
    await pause(1_000 / perSecond);
  }
  await Promise.all(answers);
  return asked;
}
