import { setTimeout as pause } from 'node:timers/promises';
import { startScraper } from '../../support/storm/scraper.ts';
import { readPage, startStormedTocsin } from '../../support/storm/servers.ts';
import { temporaryFolder } from '../../support/tocsin.ts';

export interface CoalescingOptions {
  readonly seconds: number;
  readonly checks: number;
  readonly intervalSeconds: number;
  /** People with `curl`: each sends this many requests a second, all at the same moment. */
  readonly curls: number;
  readonly perSecond: number;
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

/** Two Prometheus servers that scrape every second, and clients that ask in a loop. */
export async function runCoalescing(options: CoalescingOptions): Promise<CoalescingRecord> {
  const { checks, intervalSeconds } = options;
  await using folder = temporaryFolder();
  const config = 'metrics: { rate_limit: { per_second: 1000, burst: 1000 } }\n';
  const server = await startStormedTocsin({ folder: folder.path, checks, intervalSeconds, config });
  const target = `127.0.0.1:${server.port}`;
  const scrapers = [
    await startScraper({ folder: folder.path, target, name: 'one' }),
    await startScraper({ folder: folder.path, target, name: 'other' }),
  ];
  try {
    const before = await server.counts?.();
    const asked = await askInLoops(server.port, options);
    const prometheus = await Promise.all(scrapers.map((each) => each.numbers(options.seconds)));
    // whether a response was read is known a second later
    await pause(1_500);
    const after = await server.counts?.();
    if (before === undefined || after === undefined) throw new Error('Tocsin keeps counts');
    return {
      prometheus,
      asked,
      served: (after.scrapes['served'] ?? 0) - (before.scrapes['served'] ?? 0),
      coalesced: after.coalesced - before.coalesced,
      collections: after.collections - before.collections,
    };
  } finally {
    for (const scraper of scrapers) await scraper.stop();
    await server.stop();
  }
}

async function askInLoops(port: number, { seconds, curls, perSecond }: CoalescingOptions): Promise<number> {
  const start = performance.now();
  let asked = 0;
  const answers: Promise<string>[] = [];
  while (performance.now() - start < seconds * 1_000) {
    for (let i = 0; i < curls; i++) answers.push(readPage(port));
    asked += curls;
    await pause(1_000 / perSecond);
  }
  await Promise.all(answers);
  return asked;
}
