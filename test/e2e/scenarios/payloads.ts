import { setTimeout as pause } from 'node:timers/promises';
import { MinimalHttpClient } from '../../support/http/minimal-http-client.ts';
import { mutate, numbersFrom, samplePayloads } from '../../support/alerts/payloads.ts';
import { processNumbers } from '../../support/storm/process-watch.ts';
import { startTocsin, temporaryFolder } from '../../support/processes/tocsin.ts';

export interface PayloadsOptions {
  readonly payloads: number;
  readonly connections: number;
  /** Bodies that fast-check generates; the others are mutations of them. */
  readonly samples: number;
  /** Ends the run before all are sent. */
  readonly maxSeconds: number;
  readonly seed: number;
}

export interface PayloadsRecord {
  readonly sent: number;
  /** 0 is a broken connection. */
  readonly statuses: Readonly<Record<number, number>>;
  /** Resident memory of Tocsin in bytes, by payloads sent. */
  readonly memory: readonly (readonly [number, number])[];
  readonly seconds: number;
  /** Log lines of the level `error`. */
  readonly errors: readonly string[];
  readonly exitCode: number | null;
}

/** Posts what fast-check generates, and mutations of it, to a separate Tocsin. */
export async function runPayloads(options: PayloadsOptions): Promise<PayloadsRecord> {
  await using folder = temporaryFolder();
  const config = 'store: { path: ledger.db }\nhost: { enabled: false }\n';
  const tocsin = await startTocsin({ folder: folder.path, config });
  const samples = samplePayloads(options.samples, options.seed);
  const random = numbersFrom(options.seed);
  const statuses: Record<number, number> = {};
  const memory: [number, number][] = [[0, processNumbers(tocsin.pid).residentBytes]];
  const started = performance.now();
  const every = Math.ceil(options.payloads / 10);
  let sent = 0;
  const enough = () => sent >= options.payloads || performance.now() - started > options.maxSeconds * 1_000;
  const worker = async () => {
    const client = new MinimalHttpClient(tocsin.url, '/api/webhooks/alertmanager');
    while (!enough()) {
      const index = sent++;
      const status = await client.post(bodyOf(samples, index, random));
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (index % every === every - 1) memory.push([index + 1, processNumbers(tocsin.pid).residentBytes]);
      if (status === 503) await pause(20);
    }
    client.close();
  };
  await Promise.all(Array.from({ length: options.connections }, worker));
  const seconds = (performance.now() - started) / 1_000;
  const exitCode = await tocsin.stop();
  const errors = tocsin.log.filter(({ level }) => level === 'error').map((line) => JSON.stringify(line));
  return { sent, statuses, memory, seconds, errors, exitCode };
}

/** Each sample unchanged, then one to three mutations of some. */
function bodyOf(samples: readonly Buffer[], index: number, random: () => number): Buffer {
  const sample = samples[index] ?? samples[random() % samples.length] ?? Buffer.alloc(0);
  if (index < samples.length) return sample;
  let body = sample;
  for (let times = 1 + (random() % 3); times > 0; times--) body = mutate(body, random);
  return body;
}
