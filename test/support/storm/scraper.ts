import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peer } from '../processes/peer-programs.ts';
import { freePort, startProcess } from '../processes/process.ts';

export interface ScraperOptions {
  readonly folder: string;
  /** `host:port`. */
  readonly target: string;
  readonly token?: string | undefined;
  /** Between two scrapes, and at most for one; 1 s. */
  readonly scrapeSeconds?: number | undefined;
  /** Distinguishes several of them. */
  readonly name?: string;
}

export interface ScrapeNumbers {
  readonly scrapes: number;
  readonly failed: number;
  readonly slowestSeconds: number;
}

export interface Scraper {
  readonly pid: number;
  /** What it recorded about its target in the last seconds. */
  numbers(seconds: number): Promise<ScrapeNumbers>;
  stop(): Promise<unknown>;
}

/** A real Prometheus that scrapes one target from 127.0.0.1. */
export async function startScraper(options: ScraperOptions): Promise<Scraper> {
  const { folder, target, token, scrapeSeconds = 1, name = 'prometheus' } = options;
  const port = await freePort();
  const file = join(folder, `${name}.yml`);
  const job = {
    job_name: 'stormed',
    static_configs: [{ targets: [target] }],
    ...(token !== undefined && { authorization: { credentials: token } }),
  };
  const every = `${scrapeSeconds}s`;
  const global = { scrape_interval: every, scrape_timeout: every };
  writeFileSync(file, JSON.stringify({ global, scrape_configs: [job] }));
  const url = `http://127.0.0.1:${port}`;
  const args = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, `${name}-tsdb`)}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = await startProcess(peer('prometheus'), args, {
    ready: async () => (await fetch(`${url}/-/ready`)).ok,
  });
  const query = async (expression: string): Promise<number> => {
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(expression)}`);
    const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
    return Number(data.result[0]?.value[1] ?? 0);
  };
  const numbers = async (seconds: number) => {
    return {
      scrapes: await query(`count_over_time(up[${seconds}s])`),
      // one query, so that both sums are of the same scrapes
      failed: await query(`count_over_time(up[${seconds}s]) - sum_over_time(up[${seconds}s])`),
      slowestSeconds: await query(`max_over_time(scrape_duration_seconds[${seconds}s])`),
    };
  };
  return { pid: prometheus.pid, numbers, stop: () => prometheus.stop() };
}
