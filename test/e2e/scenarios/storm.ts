import { startStorm, type PhaseRecord, type StormOptions } from '../../support/storm/clients.ts';
import { processNumbers, watchProcess } from '../../support/storm/process-watch.ts';
import { startScraper, type ScrapeNumbers } from '../../support/storm/scraper.ts';
import { readPage, type StormedServer } from '../../support/storm/servers.ts';
import { temporaryFolder } from '../../support/processes/tocsin.ts';
import { until } from '../../support/until.ts';

export interface StormRun extends StormOptions {
  /** How long to wait afterwards for the number of sockets to be as before, seconds. */
  readonly settleSeconds: number;
  /** Of Prometheus; 1 s. */
  readonly scrapeSeconds?: number;
  /** How long to wait then for the memory, seconds. */
  readonly restSeconds: number;
}

/** Before, the maximum, and afterwards. */
export interface Course {
  readonly before: number;
  readonly peak: number;
  readonly after: number;
}

/** The server's own counts, after minus before, without those of this measurement. */
export interface Accounts {
  readonly scrapes: Readonly<Record<string, number>>;
  readonly connections: Readonly<Record<string, number>>;
  /** From the first reading to the last. */
  readonly seconds: number;
}

export interface StormRecord {
  readonly clients: number;
  readonly tookSeconds: number;
  readonly phases: readonly PhaseRecord[];
  readonly prometheus: ScrapeNumbers;
  readonly lines: { readonly above: readonly string[]; readonly all: number };
  readonly pageBytes: number;
  readonly resident: Course;
  readonly sockets: Course;
  /** From the last client to as many sockets as before, while holding clients still hold; undefined: never. */
  readonly socketsBackSeconds: number | undefined;
  readonly cpuSeconds: number;
  readonly accounts: Accounts | undefined;
}

/**
 * Clients that disconnect in every phase of a request, or hold on to it, beside a real Prometheus that scrapes
 * from 127.0.0.1.
 */
export async function runStorm(server: StormedServer, run: StormRun): Promise<StormRecord> {
  await using folder = temporaryFolder();
  const scraper = await startScraper({
    folder: folder.path,
    scrapeSeconds: run.scrapeSeconds,
    target: `127.0.0.1:${server.port}`,
    token: server.token,
  });
  try {
    await until(async () => (await scraper.numbers(60)).scrapes >= 2, { what: 'two scrapes' });
    const pageBytes = Buffer.byteLength(await readPage(server.port, server.token));
    const books = await openBooks(server);
    const before = processNumbers(server.pid);
    const lines = server.lines();
    const watch = watchProcess(server.pid);
    const storm = startStorm(server.port, run);
    const { started, tookSeconds } = await storm.started;
    const cpuSeconds = processNumbers(server.pid).cpuSeconds - before.cpuSeconds;
    const prometheus = await scraper.numbers(Math.floor(tookSeconds));
    const socketsBackSeconds = await socketsBack(server.pid, before.sockets, run.settleSeconds);
    const phases = await storm.letGo();
    const accounts = await books?.close(started);
    await rest(server.pid, before.residentBytes, run.restSeconds);
    const after = processNumbers(server.pid);
    watch.stop();
    const peak = watch.peak();
    const now = server.lines();
    return {
      clients: started,
      tookSeconds,
      phases,
      prometheus,
      lines: { above: now.above.slice(lines.above.length), all: now.all - lines.all },
      pageBytes,
      resident: { before: before.residentBytes, peak: peak.residentBytes, after: after.residentBytes },
      sockets: { before: before.sockets, peak: peak.sockets, after: after.sockets },
      socketsBackSeconds,
      cpuSeconds,
      accounts,
    };
  } finally {
    await scraper.stop();
  }
}

/** As many descriptors as before, except for normal fluctuation. */
const SPARE_SOCKETS = 2;

async function socketsBack(pid: number, before: number, seconds: number): Promise<number | undefined> {
  const start = performance.now();
  const back = () => processNumbers(pid).sockets <= before + SPARE_SOCKETS;
  const elapsed = () => (performance.now() - start) / 1_000;
  const answer = await until(() => (back() ? { seconds: elapsed() } : elapsed() > seconds ? {} : undefined), {
    lastsMs: seconds * 1_000,
  });
  return answer.seconds;
}

/** Waits until the memory is back near its previous size, at most as long as given. */
async function rest(pid: number, before: number, seconds: number): Promise<void> {
  const back = () => processNumbers(pid).residentBytes <= before * 1.1;
  const end = performance.now() + seconds * 1_000;
  await until(() => back() || performance.now() > end, { lastsMs: seconds * 1_000 });
}

/** Reads the server's counts now, and again when every client has been counted. Each reading is a connection and a scrape. */
async function openBooks({ counts }: StormedServer) {
  if (counts === undefined) return undefined;
  const started = performance.now();
  const before = await counts();
  const close = async (clients: number): Promise<Accounts> => {
    let readings = 0;
    let accounts: Accounts = { connections: {}, scrapes: {}, seconds: 0 };
    const balanced = until(async () => {
      readings += 1;
      const now = await counts();
      const connections = difference(before.connections, now.connections);
      const scrapes = difference(before.scrapes, now.scrapes);
      // of the readings, the previous one has ended and been counted in between
      connections['used'] = (connections['used'] ?? 0) - readings;
      scrapes['served'] = (scrapes['served'] ?? 0) - readings;
      accounts = { connections, scrapes, seconds: (performance.now() - started) / 1_000 };
      return total(connections) >= clients;
    });
    // what is missing then is visible in the numbers
    await balanced.catch(() => undefined);
    return accounts;
  };
  return { close };
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function difference(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([key, value]) => [key, value - (before[key] ?? 0)]));
}
